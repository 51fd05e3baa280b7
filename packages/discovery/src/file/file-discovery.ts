/**
 * Discovery through a folder that processes share, compatible with Dynamo's own.
 */
import { join } from "node:path";
import { matchesQuery, RequestPlaneError } from "@dynamo/request-plane-core";
import type {
  Discovery,
  DiscoveryEvent,
  DiscoveryQuery,
  DiscoveryRecord,
  Registration,
} from "@dynamo/request-plane-core";
import { snapshotOf } from "../live-record.ts";
import { bucketOf, keyInBucket } from "../record-key.ts";
import { watchable } from "../watchable.ts";
import { textOf } from "../text-of.ts";
import { BucketFolder } from "./bucket-folder.ts";
import { BucketScanner } from "./bucket-scanner.ts";
import { inBatches } from "./in-batches.ts";
import { resolveFileSettings } from "./options.ts";
import type { FileDiscoveryOptions, FileSettings } from "./options.ts";
import { OwnFiles } from "./own-files.ts";
import { writeAtomically, writeInPlace } from "./write.ts";

/**
 * Records are files in a folder; Dynamo processes of the layout's releases may use it at the same time. Nothing
 * runs until something is registered or watched. Throws `invalid_configuration`.
 */
export function fileDiscovery(options: FileDiscoveryOptions = {}): Discovery {
  return new FileDiscovery(resolveFileSettings(options));
}

/** File systems allow no longer names, in bytes. */
const MAX_NAME_BYTES = 255;

class FileDiscovery implements Discovery {
  readonly name = "file";
  readonly #settings: FileSettings;
  readonly #own: OwnFiles;
  readonly #folders = new Map<string, BucketFolder>();
  readonly #scanners = new Map<string, BucketScanner>();
  #closing: Promise<void> | undefined;

  constructor(settings: FileSettings) {
    const { layout, touchMs } = settings;
    this.#settings = settings;
    this.#own = new OwnFiles({
      ...settings,
      write: layout.hasLeases ? writeAtomically : writeInPlace,
      touchMs: layout.hasLeases ? touchMs : undefined,
    });
  }

  async register(given: DiscoveryRecord): Promise<Registration> {
    this.#assertOpen();
    const { record, text } = snapshotOf(given);
    const path = join(this.#settings.root, bucketOf(record.type), this.#fileNameOf(record));
    const file = await this.#usable(this.#own.put(path, text));
    return { record, unregister: () => this.#usable(this.#own.remove(file)) };
  }

  async list(query: DiscoveryQuery): Promise<DiscoveryRecord[]> {
    this.#assertOpen();
    const folder = this.#folderOf(query);
    const names = await this.#usable(folder.names());
    const sights = await inBatches(names, (name) => folder.look(name));
    const records = sights.flatMap(({ live }) => live?.record ?? []);
    return records.filter((record) => matchesQuery(record, query));
  }

  watch(query: DiscoveryQuery, signal?: AbortSignal): AsyncIterable<DiscoveryEvent> {
    this.#assertOpen();
    return watchable(signal, (onEnd) =>
      this.#closing ? undefined : this.#scannerOf(query).watch(query, onEnd),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const scanners = [...this.#scanners.values()];
    await Promise.all([this.#own.removeAll(), ...scanners.map((scanner) => scanner.stop())]);
  }

  #fileNameOf(record: DiscoveryRecord): string {
    const name = this.#settings.layout.nameOf(keyInBucket(record));
    const actual = Buffer.byteLength(name);
    if (actual <= MAX_NAME_BYTES) return name;
    throw new RequestPlaneError(
      "invalid_argument",
      `The file name '${name}' is longer than ${MAX_NAME_BYTES} bytes.`,
      {
        facts: { limit: MAX_NAME_BYTES, actual },
      },
    );
  }

  #folderOf({ type }: DiscoveryQuery): BucketFolder {
    const bucket = bucketOf(type);
    const folder =
      this.#folders.get(bucket) ??
      new BucketFolder({ ...this.#settings, bucket, directory: join(this.#settings.root, bucket) });
    this.#folders.set(bucket, folder);
    return folder;
  }

  #scannerOf(query: DiscoveryQuery): BucketScanner {
    const bucket = bucketOf(query.type);
    const scanner =
      this.#scanners.get(bucket) ??
      new BucketScanner({
        ...this.#settings,
        folder: this.#folderOf(query),
        onIdle: () => this.#scanners.delete(bucket),
      });
    this.#scanners.set(bucket, scanner);
    return scanner;
  }

  #assertOpen(): void {
    if (this.#closing) throw new RequestPlaneError("closed", "This file discovery is closed.");
  }

  async #usable<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (cause) {
      const message = `Can't use the discovery folder ${this.#settings.root} (DYN_FILE_KV): ${textOf(cause)}`;
      throw new RequestPlaneError("invalid_configuration", message, { cause });
    }
  }
}
