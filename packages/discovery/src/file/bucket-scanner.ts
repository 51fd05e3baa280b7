/**
 * Keeps a picture of one bucket's directory up to date for as long as somebody watches it.
 *
 * Notifications of the file system make it prompt; a full look at fixed intervals finds what they lose, files
 * whose lease ran out, and a directory that was taken away and made again.
 */
import { watch } from "node:fs";
import type { BigIntStats, FSWatcher } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { basename } from "node:path";
import type { DiscoveryQuery, Logger } from "@dynamo/request-plane-core";
import { LiveRecords } from "../live-records.ts";
import type { RecordWatch } from "../record-watch.ts";
import { textOf } from "../text-of.ts";
import type { BucketFolder, Sight } from "./bucket-folder.ts";
import { inBatches } from "./in-batches.ts";

export interface ScannerOptions {
  readonly folder: BucketFolder;
  /** Time between two full looks, in milliseconds. */
  readonly rescanMs: number;
  readonly logger: Logger;
  /** Called once, when the last watch has ended. */
  readonly onIdle: () => void;
}

export class BucketScanner {
  readonly #options: ScannerOptions;
  readonly #folder: BucketFolder;
  readonly #live = new LiveRecords();
  readonly #sights = new Map<string, Sight>();
  readonly #changed = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  #isFullLookDue = true;
  #isStopped = false;
  #work: Promise<void> | undefined;
  #watcher: FSWatcher | undefined;
  /** Identity of the directory that `#watcher` listens to. */
  #followed: string | undefined;
  #trouble: string | undefined;

  /** Starts at once. */
  constructor(options: ScannerOptions) {
    this.#options = options;
    this.#folder = options.folder;
    this.#timer = setInterval(() => this.#lookAtAll(), options.rescanMs);
    this.#wake();
  }

  watch(query: DiscoveryQuery, onEnd: () => void): RecordWatch {
    return this.#live.watch(query, () => {
      onEnd();
      if (!this.#live.isWatched) void this.stop();
    });
  }

  /** Ends all watches. Resolves when no file is being read any more. */
  async stop(): Promise<void> {
    if (!this.#isStopped) {
      this.#isStopped = true;
      clearInterval(this.#timer);
      this.#unfollow();
      this.#live.endWatches();
      this.#options.onIdle();
    }
    await this.#work;
  }

  #lookAtAll(): void {
    this.#isFullLookDue = true;
    this.#wake();
  }

  #wake(): void {
    this.#work ??= this.#run().finally(() => (this.#work = undefined));
  }

  async #run(): Promise<void> {
    while (!this.#isStopped && (this.#isFullLookDue || this.#changed.size > 0)) {
      const changed = [...this.#changed];
      this.#changed.clear();
      const names = this.#isFullLookDue ? await this.#allNames() : changed;
      await inBatches(names, (name) => this.#look(name));
    }
  }

  async #look(name: string): Promise<void> {
    if (this.#isStopped) return;
    const before = this.#sights.get(name);
    const sight = await this.#folder.look(name, before);
    if (this.#isStopped || sight === before) return;
    if (sight.kind === "gone") {
      this.#sights.delete(name);
      this.#live.delete(name);
      return;
    }
    this.#sights.set(name, sight);
    // A file that broke keeps its last good record for as long as it is kept alive.
    if (sight.live) this.#live.set(name, sight.live);
  }

  /** The files that are there and those that were. What can't be listed is looked at one by one. */
  async #allNames(): Promise<Iterable<string>> {
    this.#isFullLookDue = false;
    const names = new Set(this.#sights.keys());
    try {
      await this.#follow();
      for (const name of await this.#folder.names()) names.add(name);
      this.#trouble = undefined;
    } catch (error) {
      this.#report(textOf(error));
    }
    return names;
  }

  /** Listens to the directory that is there now, which may be another one than a moment ago. */
  async #follow(): Promise<void> {
    const { directory } = this.#folder;
    await mkdir(directory, { recursive: true });
    const identity = identityOf(await stat(directory, { bigint: true }));
    if (this.#isStopped || identity === this.#followed) return;
    this.#unfollow();
    this.#watcher = watch(directory, (_event, name) => this.#notice(name)).on("error", (error) => {
      this.#unfollow();
      this.#report(error.message);
    });
    this.#followed = identity;
  }

  #unfollow(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#followed = undefined;
  }

  #notice(name: string | null): void {
    if (name === null) {
      this.#lookAtAll();
      return;
    }
    // The end of the directory itself comes under the directory's own name. The next full look makes it anew, not
    // this one: whoever deletes a tree of folders would find a new one in it.
    const isEnd = name === basename(this.#folder.directory);
    if (isEnd) this.#unfollow();
    for (const changed of isEnd ? this.#sights.keys() : [name]) this.#changed.add(changed);
    this.#wake();
  }

  #report(trouble: string): void {
    if (this.#trouble === trouble) return;
    this.#trouble = trouble;
    const { directory } = this.#folder;
    this.#options.logger.warn({ directory, trouble }, `Trouble with watching ${directory}: ${trouble}`);
  }
}

function identityOf({ dev, ino, birthtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${birthtimeNs}`;
}
