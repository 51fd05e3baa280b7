/**
 * The directory of one bucket, as a reader sees it.
 */
import type { BigIntStats } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Logger } from "@dynamo/request-plane-core";
import type { LiveRecord } from "../live-record.ts";
import { bucketOf, keyInBucket } from "../record-key.ts";
import { decodeRecord } from "../records.ts";
import { textOf } from "../text-of.ts";
import { isMissing } from "./errors.ts";
import type { FileLayout } from "./layout.ts";
import { TEMPORARY_PREFIX } from "./write.ts";

/** A record is some kilobytes. What is larger than this, in bytes, is not read. */
const MAX_FILE_SIZE = 4n * 1024n * 1024n;

/**
 * A file that changed less than this many milliseconds ago is looked at again: it may be half-written, and the
 * clock of a file system is too coarse to tell two changes apart that follow each other closely.
 */
const SETTLING_MS = 200;

export interface FolderOptions {
  readonly directory: string;
  readonly bucket: string;
  readonly layout: FileLayout;
  /** How long a file lives after its last touch, in milliseconds. */
  readonly leaseMs: number;
  readonly logger: Logger;
}

/** What one file was found to hold. */
export interface Sight {
  /** `gone` also stands for a file whose lease has run out. */
  readonly kind: "record" | "broken" | "gone";
  readonly live?: LiveRecord;
  /** Stays the same as long as the file does. Absent while the file is settling. */
  readonly signature?: string | undefined;
}

const GONE: Sight = { kind: "gone" };
const BROKEN: Sight = { kind: "broken" };

export class BucketFolder {
  readonly directory: string;
  readonly #options: FolderOptions;
  readonly #reported = new Set<string>();

  constructor(options: FolderOptions) {
    this.directory = options.directory;
    this.#options = options;
  }

  /** The names of the files that may hold records; none when the directory is missing. Rejects otherwise. */
  async names(): Promise<string[]> {
    try {
      const names = (await readdir(this.directory)).filter((name) => !name.startsWith(TEMPORARY_PREFIX));
      for (const name of this.#reported) if (!names.includes(name)) this.#reported.delete(name);
      return names;
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  /** Never rejects. `known` is what was seen last, to spare the reading of what is still the same. */
  async look(name: string, known?: Sight): Promise<Sight> {
    if (name.startsWith(TEMPORARY_PREFIX)) return GONE;
    try {
      const path = join(this.directory, name);
      const stats = await stat(path, { bigint: true });
      if (this.#isExpired(stats)) return GONE;
      const signature = signatureOf(stats);
      if (signature !== undefined && signature === known?.signature) return known;
      return await this.#read(path, stats, signature);
    } catch (error) {
      if (isMissing(error)) return GONE;
      this.#report(name, textOf(error));
      return BROKEN;
    }
  }

  async #read(path: string, stats: BigIntStats, signature: string | undefined): Promise<Sight> {
    if (!stats.isFile()) throw new Error("it is not a file");
    if (stats.size > MAX_FILE_SIZE) throw new Error(`it is larger than ${MAX_FILE_SIZE} bytes`);
    const bytes = await readFile(path);
    try {
      const live = this.#parse(basename(path), bytes);
      this.#reported.delete(basename(path));
      return { kind: "record", live, signature };
    } catch (error) {
      // A fresh file may just be half-written; it is looked at again before anything is said.
      if (signature !== undefined) this.#report(basename(path), textOf(error));
      return { kind: "broken", signature };
    }
  }

  #parse(name: string, bytes: Uint8Array): LiveRecord {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const record = decodeRecord(text);
    const key = keyInBucket(record);
    const { bucket, layout } = this.#options;
    if (bucketOf(record.type) !== bucket || !layout.isNameOf(name, key)) {
      throw new Error(`what it holds belongs into the file '${bucketOf(record.type)}/${layout.nameOf(key)}'`);
    }
    return { record, text };
  }

  #isExpired(stats: BigIntStats): boolean {
    const { layout, leaseMs } = this.#options;
    return layout.hasLeases && Date.now() - Number(stats.mtimeMs) > leaseMs;
  }

  #report(name: string, fault: string): void {
    if (this.#reported.has(name)) return;
    this.#reported.add(name);
    const { directory } = this;
    this.#options.logger.warn(
      { directory, name, fault },
      `Ignoring the file '${name}' in ${directory}: ${fault}`,
    );
  }
}

/** Changes whenever the file does: a new file has another number, and every write and touch moves `ctime`. */
function signatureOf({ ino, ctimeMs, ctimeNs, size }: BigIntStats): string | undefined {
  return Date.now() - Number(ctimeMs) < SETTLING_MS ? undefined : `${ino}:${ctimeNs}:${size}`;
}
