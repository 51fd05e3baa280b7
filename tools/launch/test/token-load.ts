/**
 * Callers of a model that takes tokens, who know each answer beforehand, and turn to another frontend when theirs is
 * gone.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "./chat-request.ts";
import type { Answer } from "./chat-request.ts";
import type { Frontend } from "./fleet.ts";
import { until } from "./launcher.ts";

/** How a request that runs alone is answered: what it is answered in any weather. */
export type Expected = ReadonlyMap<string, string>;

export interface TokenLoadOptions {
  /** The frontends that can be asked now. */
  readonly frontends: () => readonly Frontend[];
  readonly callers: number;
  readonly expected: Expected;
  readonly boundMs: number;
}

export const MAX_TOKENS = 24;

/** Asks one frontend for the answer to one prompt. */
export async function answerOf(
  { port }: Frontend,
  text: string,
  boundMs: number,
  nvext?: object,
): Promise<Answer> {
  const body = { max_tokens: MAX_TOKENS, stream_options: { include_usage: true }, ...(nvext && { nvext }) };
  return ask({ port, text, boundMs, body });
}

export class TokenLoad {
  readonly #options: TokenLoadOptions;
  readonly #callers: readonly Promise<void>[];
  #asked = 0;
  #stopped = false;
  /** Answers that came whole, at whichever frontend. */
  whole = 0;
  /** Requests that were asked again because their frontend was killed. */
  retried = 0;
  /** Everything else: refused, late, torn, wrong. Has to stay empty. */
  readonly wrongs: string[] = [];

  constructor(options: TokenLoadOptions) {
    this.#options = options;
    this.#callers = Array.from({ length: options.callers }, () => this.#call());
  }

  /** Resolves when this many more answers have come whole. Rejects as soon as anything is wrong. */
  async carries(more: number): Promise<void> {
    const goal = this.whole + more;
    await until(async () => {
      if (this.wrongs.length > 0) throw new Error(`Wrong: ${this.wrongs.join("\n")}`);
      return this.whole >= goal;
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#callers);
  }

  async #call(): Promise<void> {
    const prompts = [...this.#options.expected];
    while (!this.#stopped) {
      const [text, content] = prompts[this.#asked++ % prompts.length]!;
      await this.#request(text, content);
    }
  }

  /** Until it is answered by a frontend that is still there. */
  async #request(text: string, content: string): Promise<void> {
    for (;;) {
      const all = this.#options.frontends();
      const frontend = all[this.#asked % all.length]!;
      try {
        const answer = await answerOf(frontend, text, this.#options.boundMs);
        const isRight = answer.status === 200 && answer.isDone && !answer.error && answer.content === content;
        if (isRight) this.whole += 1;
        else if (this.#isThere(frontend))
          this.wrongs.push(`${text} -> ${JSON.stringify(answer)}, not ${content}`);
        if (isRight || this.#isThere(frontend)) return;
      } catch (error) {
        if (this.#isThere(frontend)) return void this.wrongs.push(`${text}: ${String(error)}`);
      }
      this.retried += 1;
      await sleep(10);
    }
  }

  #isThere(frontend: Frontend): boolean {
    return this.#options.frontends().includes(frontend);
  }
}
