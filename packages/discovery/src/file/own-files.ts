/**
 * The files that this process wrote: keeps them alive, takes them away.
 */
import { readFile, rm, utimes } from "node:fs/promises";
import { dirname } from "node:path";
import type { Logger } from "@dynamo/request-plane-core";
import { textOf } from "../text-of.ts";
import { isMissing } from "./errors.ts";
import { sweep } from "./sweep.ts";

export interface OwnFilesOptions {
  readonly write: (path: string, text: string) => Promise<void>;
  /** Time between two touches, in milliseconds; `undefined` when files live without. */
  readonly touchMs: number | undefined;
  readonly leaseMs: number;
  readonly logger: Logger;
}

export interface OwnFile {
  readonly path: string;
  readonly text: string;
}

export class OwnFiles {
  readonly #options: OwnFilesOptions;
  readonly #files = new Map<string, OwnFile>();
  readonly #failing = new Set<string>();
  /** The end of the line of changes: one at a time, so that a touch never brings back what was just removed. */
  #last: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #touchedAt = 0;
  #isTouching = false;

  constructor(options: OwnFilesOptions) {
    this.#options = options;
  }

  /** Rejects with the error of the file system. */
  put(path: string, text: string): Promise<OwnFile> {
    return this.#inTurn(async () => {
      await this.#options.write(path, text);
      const file = { path, text };
      this.#files.set(path, file);
      this.#startTouching();
      return file;
    });
  }

  /** Does nothing when the file was removed or overwritten before. Rejects with the error of the file system. */
  remove(file: OwnFile): Promise<void> {
    return this.#inTurn(() => this.#remove(file));
  }

  /** Never rejects: what can't be removed is reported, and dies with its lease. */
  removeAll(): Promise<void> {
    return this.#inTurn(async () => {
      for (const file of [...this.#files.values()]) {
        await this.#remove(file).catch((error: unknown) => this.#report(file.path, error));
      }
    });
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#last.then(change);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #remove(file: OwnFile): Promise<void> {
    const { path, text } = file;
    if (this.#files.get(path) !== file) return;
    this.#files.delete(path);
    this.#failing.delete(path);
    if (this.#files.size === 0) this.#stopTouching();
    try {
      // Another process may have taken over the key.
      if ((await readFile(path, "utf8")) === text) await rm(path, { force: true });
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  #startTouching(): void {
    const { touchMs } = this.#options;
    if (touchMs === undefined || this.#timer) return;
    this.#touchedAt = Date.now();
    this.#timer = setInterval(() => this.#tick(), touchMs).unref();
  }

  #stopTouching(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    if (this.#isTouching) return;
    this.#isTouching = true;
    void this.#inTurn(() => this.#touchAll()).finally(() => (this.#isTouching = false));
  }

  async #touchAll(): Promise<void> {
    const { leaseMs, logger } = this.#options;
    const wasPaused = Date.now() - this.#touchedAt > leaseMs;
    this.#touchedAt = Date.now();
    for (const file of this.#files.values()) await this.#touch(file);
    // When this process slept, the whole machine may have: the others get the time to touch theirs.
    if (wasPaused) return;
    const directories = new Set([...this.#files.keys()].map(dirname));
    for (const directory of directories) await sweep(directory, { olderThanMs: 2 * leaseMs, logger });
  }

  /** Somebody who thought this process dead may have deleted the file, or its whole directory. */
  async #touch({ path, text }: OwnFile): Promise<void> {
    try {
      const now = new Date();
      await utimes(path, now, now).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
        return this.#options.write(path, text);
      });
      this.#failing.delete(path);
    } catch (error) {
      this.#report(path, error);
    }
  }

  /** Once per file until it works again. */
  #report(path: string, error: unknown): void {
    if (this.#failing.has(path)) return;
    this.#failing.add(path);
    const fault = textOf(error);
    this.#options.logger.warn({ path, fault }, `Can't keep the discovery file ${path}: ${fault}`);
  }
}
