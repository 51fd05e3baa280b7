/**
 * A steady load of chats: streams and whole answers in turn, several at the same time, on one frontend until it is
 * moved to another one. Nothing is ever asked twice.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { ChatFrontend } from "../roles/chat.ts";
import { until } from "../waiting.ts";
import { chat } from "./chat.ts";

const CLIENTS = 4;
/** Their worker says it in 0.6 s, so whoever is told to end has some of it left to say. */
const WORDS = ["this", "is", "to", "come", "back", "as", "it", "was", "sent"];

/** Of an answer that isn't right: its last two chunks or so. */
const LAST_CHARACTERS = 700;
/** After it, what was asked is being answered, and has about as long to go. */
const TO_BEGIN_MS = 300;

/** Our workers stream word by word, theirs letter by letter. An answer in one piece doesn't tell whose it is. */
const IS_OF = {
  ours: (tokens: number): boolean => tokens > 1 && tokens <= WORDS.length + 2,
  theirs: (tokens: number): boolean => tokens > WORDS.length + 2,
  all: (): boolean => true,
};

interface Running {
  readonly frontend: ChatFrontend;
  readonly beganAt: number;
}

export class Load {
  readonly #model: string;
  readonly #clients: readonly Promise<void>[];
  readonly #running = new Set<Running>();
  readonly #failures: string[] = [];
  readonly #ended: { readonly beganAt: number; readonly tokens: number }[] = [];
  #frontend: ChatFrontend;
  #pause: Promise<unknown> = Promise.resolve();
  #begun = 0;
  #isOver = false;

  constructor(model: string, frontend: ChatFrontend) {
    this.#model = model;
    this.#frontend = frontend;
    this.#clients = Array.from({ length: CLIENTS }, () => this.#client());
  }

  /** What begins from now on is asked there. Resolves when nothing runs elsewhere. */
  async moveTo(frontend: ChatFrontend): Promise<void> {
    this.#frontend = frontend;
    const isElsewhere = (one: Running): boolean => one.frontend !== frontend;
    await until("the chats on the other frontend have ended", () => ![...this.#running].some(isElsewhere));
  }

  /** Does something while no chat is under way. */
  rest(during: () => Promise<void>): Promise<void> {
    return this.#holdBack(async () => {
      await until("no chat is under way", () => this.#running.size === 0);
      await during();
    });
  }

  /** Does something while no chat begins. Some are under way and being answered. */
  async hold(during: () => Promise<void>): Promise<void> {
    const tryTo = async (): Promise<boolean> => {
      await sleep(TO_BEGIN_MS);
      if (this.#running.size === 0) return false;
      await during();
      return true;
    };
    await until("a chat is being answered while none begins", () => this.#holdBack(tryTo));
  }

  async #holdBack<T>(during: () => Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#pause = promise;
    try {
      return await during();
    } finally {
      resolve(undefined);
    }
  }

  /** Resolves when so many chats that begin from now on have ended well. Rejects when one failed. */
  async answers(count: number, whose: keyof typeof IS_OF = "all"): Promise<void> {
    const from = performance.now();
    await until(
      `${count} more chats are answered by workers of ${whose}`,
      () => {
        this.#assertWell();
        const found = this.#ended.filter(({ beganAt, tokens }) => beganAt > from && IS_OF[whose](tokens));
        return found.length >= count;
      },
      60_000,
    );
  }

  /** Resolves with the number of chats when the last one has ended. Rejects when one failed. */
  async end(): Promise<number> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    this.#assertWell();
    return this.#ended.length;
  }

  #assertWell(): void {
    assert.deepEqual(this.#failures, []);
  }

  async #client(): Promise<void> {
    while (!this.#isOver && this.#failures.length < 5) {
      await this.#pause;
      const running = { frontend: this.#frontend, beganAt: performance.now() };
      this.#running.add(running);
      const number = (this.#begun += 1);
      await this.#chat(number, running).catch((error: unknown) => {
        this.#failures.push(`chat ${number}: ${String(error)}`);
      });
      this.#running.delete(running);
    }
  }

  async #chat(number: number, { frontend, beganAt }: Running): Promise<void> {
    const text = [`chat ${number}:`, ...WORDS].join(" ");
    const stream = number % 2 === 0;
    const answer = await chat(frontend, { model: this.#model, text, stream });
    const { status, isDone, hasError } = answer;
    assert.deepEqual(
      { status, isDone, hasError, text: answer.text },
      { status: 200, isDone: true, hasError: false, text },
      `${stream ? "a stream" : "an answer"} of ${frontend.process.name} with status ${status} ends with ${answer.raw.slice(-LAST_CHARACTERS)}`,
    );
    this.#ended.push({ beganAt, tokens: answer.tokens });
  }
}
