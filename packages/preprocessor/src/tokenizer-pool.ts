/**
 * Renders long chats and tokenizes long texts on other threads, so that this one goes on meanwhile. There are only a few
 * threads, each begins with the first text that finds no idle one, and none keeps the process alive by itself.
 */
import { extname } from "node:path";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Chat, TemplateFiles } from "./chat-template.ts";
import { badRequest, messageOf } from "./errors.ts";
import type { TokenizerFiles } from "./tokenizer.ts";

/** The files that make prompts. */
export interface PromptFiles extends TokenizerFiles, TemplateFiles {}

/** A text to make tokens of, or a chat to make a text and tokens of. */
export type PromptTask =
  { readonly text: string; readonly addSpecialTokens: boolean } | { readonly chat: Chat };

/** What a thread is asked. It has the model already when `files` are left out. */
export interface PromptQuestion {
  readonly model: number;
  readonly files?: PromptFiles;
  /** A model that it needs no more. */
  readonly forget?: number | undefined;
  readonly task: PromptTask;
}

/** `refusal` is for whoever sent the chat, `error` is a fault of ours or of the model's files. */
export type PromptAnswer =
  | { readonly text: string; readonly ids: Uint32Array }
  | { readonly refusal: string }
  | { readonly error: string };

interface Prompt {
  readonly text: string;
  readonly ids: number[];
}

interface Job {
  readonly question: Required<Omit<PromptQuestion, "forget">>;
  readonly resolve: (prompt: Prompt) => void;
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
/** Models that a thread keeps: their tokenizers are many megabytes. */
const MAX_MODELS = 8;

export class TokenizerPool {
  readonly #maxThreads: number;
  readonly #maxWaiting: number;
  readonly #threads = new Set<TokenizerThread>();
  readonly #waiting: Job[] = [];
  readonly #timeoutMs: number;
  readonly #names = new WeakMap<PromptFiles, number>();
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
  async tokenize(files: PromptFiles, text: string, addSpecialTokens: boolean): Promise<number[]> {
    const { ids } = await this.#ask(files, { text, addSpecialTokens });
    return ids;
  }

  /**
   * Renders a chat and tokenizes what comes of it. Rejects as `tokenize` does, and with `invalid_argument` when the
   * template refuses the chat.
   */
  chatPrompt(files: PromptFiles, chat: Chat): Promise<Prompt> {
    return this.#ask(files, { chat });
  }

  /** Ends the threads. Texts under way are rejected with `closed`. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(closed());
    await Promise.all([...this.#threads].map((thread) => thread.end(closed())));
  }

  #ask(files: PromptFiles, task: PromptTask): Promise<Prompt> {
    if (this.#closed) return Promise.reject(closed());
    if (this.#waiting.length >= this.#maxWaiting) return Promise.reject(tooManyWaiting(this.#maxWaiting));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ question: { model: this.#nameOf(files), files, task }, resolve, reject });
      this.#assign();
    });
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
  #nameOf(files: PromptFiles): number {
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
  /** Models that it has, the one asked for longest ago first. */
  readonly #known = new Set<number>();
  readonly #onIdle: () => void;
  #job: Job | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isEnding = false;

  constructor(timeoutMs: number, { onIdle, onEnd }: ThreadEvents) {
    this.#timeoutMs = timeoutMs;
    this.#onIdle = onIdle;
    this.#worker = new Worker(new URL(`./tokenizer-thread${extname(import.meta.url)}`, import.meta.url));
    this.#worker.unref();
    this.#worker.on("message", (answer: PromptAnswer) => this.#finish(answer));
    this.#worker.on("error", (cause) => this.#takeJob()?.reject(threadFailed(cause)));
    this.#worker.on("exit", () => {
      this.#takeJob()?.reject(threadFailed());
      onEnd();
    });
  }

  get isIdle(): boolean {
    return this.#job === undefined && !this.#isEnding;
  }

  run(job: Job): void {
    const { files, ...question } = job.question;
    const isKnown = this.#known.delete(question.model);
    this.#known.add(question.model);
    const forget = this.#known.size > MAX_MODELS ? [...this.#known][0] : undefined;
    if (forget !== undefined) this.#known.delete(forget);
    this.#job = job;
    this.#timer = setTimeout(() => void this.end(tooSlow(this.#timeoutMs)), this.#timeoutMs);
    this.#worker.ref();
    const message: PromptQuestion = { ...question, forget, ...(!isKnown && { files }) };
    try {
      this.#worker.postMessage(message);
    } catch (cause) {
      // The thread never got the files, so it is of no use any more.
      void this.end(badRequest(`The messages can't be taken in: ${messageOf(cause)}`, cause));
    }
  }

  async end(error: Error): Promise<void> {
    this.#isEnding = true;
    this.#takeJob()?.reject(error);
    await this.#worker.terminate();
  }

  #finish(answer: PromptAnswer): void {
    const job = this.#takeJob();
    if ("ids" in answer) job?.resolve({ text: answer.text, ids: Array.from(answer.ids) });
    else if ("refusal" in answer) job?.reject(badRequest(answer.refusal));
    else job?.reject(new RequestPlaneError("internal", `The prompt can't be made: ${answer.error}`));
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
  return new RequestPlaneError("deadline_exceeded", `Making the prompt took longer than ${limitMs} ms`, {
    facts: { elapsedMs: limitMs },
  });
}

function tooManyWaiting(limit: number): RequestPlaneError {
  return new RequestPlaneError("overloaded", `${limit} texts wait for a thread of the tokenizer`, {
    facts: { limit },
  });
}
