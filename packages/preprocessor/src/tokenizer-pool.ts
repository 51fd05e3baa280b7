/**
 * Tokenizes long texts on other threads, so that this one goes on meanwhile. There are only a few threads, each begins
 * with the first text that finds no idle one, and none keeps the process alive by itself.
 */
import { extname } from "node:path";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { TokenizerFiles } from "./tokenizer.ts";

/** What a thread is asked. It has the tokenizer already when `files` are left out. */
export interface TokenizeQuestion {
  readonly tokenizer: number;
  readonly files?: TokenizerFiles;
  /** A tokenizer that it needs no more. */
  readonly forget?: number | undefined;
  readonly text: string;
  readonly addSpecialTokens: boolean;
}

export type TokenizeAnswer = { readonly ids: Uint32Array } | { readonly error: string };

interface Job {
  readonly question: Required<Omit<TokenizeQuestion, "forget">>;
  readonly resolve: (ids: number[]) => void;
  readonly reject: (error: Error) => void;
}

export interface TokenizerPoolOptions {
  /** Default: one less than the processors, from 1 to 4. */
  readonly threads?: number;
  /** Texts that may wait for a thread; more are refused as `overloaded`. Default 1024. */
  readonly maxWaiting?: number;
  /** How long one text may take, in milliseconds; its thread is ended then. Default 60 000. */
  readonly timeoutMs?: number;
}

const MAX_THREADS = 4;
const MAX_WAITING = 1024;
const TIMEOUT_MS = 60_000;
/** Tokenizers that a thread keeps: models are many megabytes. */
const MAX_TOKENIZERS = 8;

export class TokenizerPool {
  readonly #maxThreads: number;
  readonly #maxWaiting: number;
  readonly #threads = new Set<TokenizerThread>();
  readonly #waiting: Job[] = [];
  readonly #timeoutMs: number;
  readonly #names = new WeakMap<TokenizerFiles, number>();
  #lastName = 0;
  #closed = false;

  constructor(options: TokenizerPoolOptions = {}) {
    this.#maxThreads = options.threads ?? Math.min(MAX_THREADS, Math.max(1, availableParallelism() - 1));
    this.#maxWaiting = options.maxWaiting ?? MAX_WAITING;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  /** Threads that run. */
  get threads(): number {
    return this.#threads.size;
  }

  /**
   * Rejects with `overloaded` when too many texts wait, with `deadline_exceeded` when the text takes too long, and with
   * `closed` after the end.
   */
  tokenize(files: TokenizerFiles, text: string, addSpecialTokens: boolean): Promise<number[]> {
    if (this.#closed) return Promise.reject(closed());
    if (this.#waiting.length >= this.#maxWaiting) return Promise.reject(tooManyWaiting(this.#maxWaiting));
    return new Promise((resolve, reject) => {
      const question = { tokenizer: this.#nameOf(files), files, text, addSpecialTokens };
      this.#waiting.push({ question, resolve, reject });
      this.#assign();
    });
  }

  /** Ends the threads. Texts under way are rejected with `closed`. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(closed());
    await Promise.all([...this.#threads].map((thread) => thread.end(closed())));
  }

  #assign(): void {
    while (this.#waiting.length > 0) {
      const thread = [...this.#threads].find(({ isIdle }) => isIdle) ?? this.#start();
      const job = thread && this.#waiting.shift();
      if (!thread || !job) return;
      thread.run(job);
    }
  }

  #start(): TokenizerThread | undefined {
    if (this.#threads.size >= this.#maxThreads) return undefined;
    const thread = new TokenizerThread(this.#timeoutMs, {
      onIdle: () => this.#assign(),
      onEnd: () => {
        this.#threads.delete(thread);
        if (!this.#closed) this.#assign();
      },
    });
    this.#threads.add(thread);
    return thread;
  }

  /** Files are sent once to each thread, and known by a number from then on. */
  #nameOf(files: TokenizerFiles): number {
    const known = this.#names.get(files);
    if (known !== undefined) return known;
    this.#names.set(files, ++this.#lastName);
    return this.#lastName;
  }
}

interface ThreadEvents {
  readonly onIdle: () => void;
  readonly onEnd: () => void;
}

/** One thread, which has one text at a time. */
class TokenizerThread {
  readonly #worker: Worker;
  readonly #timeoutMs: number;
  /** Tokenizers that it has, the one asked for longest ago first. */
  readonly #known = new Set<number>();
  readonly #onIdle: () => void;
  #job: Job | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number, { onIdle, onEnd }: ThreadEvents) {
    this.#timeoutMs = timeoutMs;
    this.#onIdle = onIdle;
    this.#worker = new Worker(new URL(`./tokenizer-thread${extname(import.meta.url)}`, import.meta.url));
    this.#worker.unref();
    this.#worker.on("message", (answer: TokenizeAnswer) => this.#finish(answer));
    this.#worker.on("error", (cause) => this.#takeJob()?.reject(threadFailed(cause)));
    this.#worker.on("exit", () => {
      this.#takeJob()?.reject(threadFailed());
      onEnd();
    });
  }

  get isIdle(): boolean {
    return this.#job === undefined;
  }

  run(job: Job): void {
    const { files, ...question } = job.question;
    const isKnown = this.#known.delete(question.tokenizer);
    this.#known.add(question.tokenizer);
    const forget = this.#known.size > MAX_TOKENIZERS ? [...this.#known][0] : undefined;
    if (forget !== undefined) this.#known.delete(forget);
    this.#job = job;
    this.#timer = setTimeout(() => void this.end(tooSlow(this.#timeoutMs)), this.#timeoutMs);
    this.#worker.ref();
    this.#worker.postMessage({ ...question, forget, ...(!isKnown && { files }) } satisfies TokenizeQuestion);
  }

  async end(error: Error): Promise<void> {
    this.#takeJob()?.reject(error);
    await this.#worker.terminate();
  }

  #finish(answer: TokenizeAnswer): void {
    const job = this.#takeJob();
    if ("ids" in answer) job?.resolve(Array.from(answer.ids));
    else job?.reject(new RequestPlaneError("internal", `Tokenizing failed: ${answer.error}`));
    this.#onIdle();
  }

  #takeJob(): Job | undefined {
    const job = this.#job;
    this.#job = undefined;
    clearTimeout(this.#timer);
    this.#worker.unref();
    return job;
  }
}

function closed(): RequestPlaneError {
  return new RequestPlaneError("closed", "The tokenizer was closed");
}

function threadFailed(cause?: unknown): RequestPlaneError {
  return new RequestPlaneError("internal", "The tokenizer's thread ended", { cause });
}

function tooSlow(limitMs: number): RequestPlaneError {
  return new RequestPlaneError("deadline_exceeded", `Tokenizing took longer than ${limitMs} ms`, {
    facts: { elapsedMs: limitMs },
  });
}

function tooManyWaiting(limit: number): RequestPlaneError {
  return new RequestPlaneError("overloaded", `${limit} texts wait for a thread of the tokenizer`, {
    facts: { limit },
  });
}
