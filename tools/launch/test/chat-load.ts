/**
 * Callers that ask one chat request after the other, each with words of its own, and look at every answer.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "./chat-request.ts";
import type { Answer } from "./chat-request.ts";
import { until } from "./launcher.ts";

export interface ChatLoadOptions {
  readonly port: number;
  readonly callers: number;
  /** Words of a request, and so tokens of its answer. */
  readonly words: number;
  /** How long one answer may take. */
  readonly boundMs: number;
}

/** What a caller leaves between a failure and its next request. */
const AFTER_FAILURE_MS = 20;

export class ChatLoad {
  readonly #options: ChatLoadOptions;
  readonly #callers: readonly Promise<void>[];
  /** The ports of the requests that wait for the beginning of their answer. */
  readonly #waiting = new Map<number, number>();
  #port: number;
  #asked = 0;
  #stopped = false;
  /** Answers that came whole. */
  whole = 0;
  /** Failures that the frontend told as it should. */
  readonly failures: string[] = [];
  /** Everything else: late, torn, wrong or silent. Has to stay empty. */
  readonly wrongs: string[] = [];

  constructor(options: ChatLoadOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#callers = Array.from({ length: options.callers }, () => this.#call());
  }

  /** New requests go there. Resolves when no answer is still to begin elsewhere; streams may go on. */
  async switchTo(port: number): Promise<void> {
    this.#port = port;
    await this.#until(() => [...this.#waiting.keys()].every((waiting) => waiting === port));
  }

  /** Resolves when this many more answers have come whole. */
  async carries(more: number): Promise<void> {
    const goal = this.whole + more;
    await this.#until(() => this.whole >= goal);
  }

  /** Resolves when one more request has failed. */
  async suffers(): Promise<void> {
    const before = this.failures.length;
    await this.#until(() => this.failures.length > before);
  }

  /** Resolves when the last answers are complete. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#callers);
  }

  /** Rejects as soon as anything is wrong, and says what. */
  async #until(isSo: () => boolean): Promise<void> {
    await until(async () => {
      if (this.wrongs.length > 0) throw new Error(`Wrong: ${this.wrongs.join("\n")}`);
      return isSo();
    });
  }

  async #call(): Promise<void> {
    while (!this.#stopped) {
      const request = this.#asked++;
      const { words, boundMs } = this.#options;
      const text = Array.from({ length: words }, (_, word) => `r${request}w${word}`).join(" ");
      const port = this.#port;
      this.#count(port, 1);
      let isWaiting = true;
      const onBegin = (): void => {
        if (isWaiting) this.#count(port, -1);
        isWaiting = false;
      };
      const isWhole = await ask({ port, text, boundMs, onBegin })
        .then((answer) => this.#judge(answer, text))
        .catch((error: unknown) => this.#note(this.wrongs, `${text}: ${String(error)}`));
      onBegin();
      if (!isWhole) await sleep(AFTER_FAILURE_MS);
    }
  }

  #judge(answer: Answer, text: string): boolean {
    const { status, content, error, isDone } = answer;
    if (status === 200 && isDone && !error && content === text) {
      this.whole += 1;
      return true;
    }
    const isStatus = status >= 500 && error?.code === status;
    const isEvent = status === 200 && error !== undefined && text.startsWith(content);
    const isTold = isDone && (isStatus || isEvent);
    return this.#note(isTold ? this.failures : this.wrongs, `${text}: ${JSON.stringify(answer)}`);
  }

  #note(list: string[], what: string): false {
    list.push(what);
    return false;
  }

  #count(port: number, change: number): void {
    const waiting = (this.#waiting.get(port) ?? 0) + change;
    if (waiting > 0) this.#waiting.set(port, waiting);
    else this.#waiting.delete(port);
  }
}
