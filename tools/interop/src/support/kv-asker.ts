/**
 * Questions to frontends that route by KV cache, and what their routers knew of the workers that they chose.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { ChatFrontend } from "../roles/chat.ts";
import { BLOCK_TOKENS } from "../roles/tokens.ts";
import { until, untilFound } from "../waiting.ts";
import type { Hit, KvNews } from "./kv-news.ts";
import { askTokens } from "./tokens.ts";
import type { TokensAnswer } from "./tokens.ts";

const MAX_TOKENS = 8;
/** For events, from a worker to a router. */
const PAUSE_MS = 100;

export interface KvAnswer {
  readonly prompt: string;
  /** Id in decimal. */
  readonly worker: string;
  readonly promptTokens: number;
  /** Blocks of the prompt that the router expected in the worker's cache. */
  readonly expectedBlocks: number;
  /** What the worker had in its cache, when the answer tells. */
  readonly cachedTokens: number | undefined;
  /** For messages. */
  readonly raw: string;
}

export class KvAsker {
  readonly #frontend: ChatFrontend;
  readonly #model: string;
  readonly #news: KvNews;
  /** To all questions, in their order. */
  readonly answers: KvAnswer[] = [];

  constructor(frontend: ChatFrontend, model: string, news: KvNews) {
    this.#frontend = frontend;
    this.#model = model;
    this.#news = news;
  }

  async ask(prompt: string): Promise<KvAnswer> {
    const told = this.#news.hits.length;
    const asked = { model: this.#model, prompt, max_tokens: MAX_TOKENS };
    const answer = await askTokens(this.#frontend, asked);
    assert.equal(answer.status, 200, answer.raw);
    const known = answer.worker === undefined ? await this.#hitOf(answer, told) : hitIn(answer);
    const { cachedTokens, promptTokens = 0, raw } = answer;
    const result = {
      prompt,
      worker: known.worker,
      promptTokens,
      expectedBlocks: known.cachedBlocks,
      cachedTokens,
      raw,
    };
    this.answers.push(result);
    return result;
  }

  /** Asks things that nobody has asked before, until two workers have been chosen, other than these. */
  async untilTwoAreChosen(except: ReadonlySet<string> = new Set()): Promise<ReadonlySet<string>> {
    await this.#frontend.waitUntilListed(this.#model);
    const chosen = new Set<string>();
    let count = 0;
    await until("two workers are chosen", async () => {
      // One that is listed may still be without workers.
      const answer = await this.ask(`${(count += 1)} greetings `.repeat(4)).catch(() => undefined);
      if (answer && !except.has(answer.worker)) chosen.add(answer.worker);
      return chosen.size === 2;
    });
    return chosen;
  }

  /**
   * A prompt that one worker alone has, and the router knows all of it. When events take so long that the router sends the
   * second one elsewhere, it is tried with other words and more time.
   */
  async untilKnown(topic: string): Promise<KvAnswer> {
    let attempt = 0;
    return untilFound(`the router knows who has prompts about ${topic}`, async () => {
      const prompt = `${(attempt += 1)} ${`${topic} `.repeat(12)}`;
      const { worker } = await this.ask(prompt);
      await sleep(attempt * PAUSE_MS);
      const again = await this.ask(prompt);
      return again.expectedBlocks === fullBlocksOf(again) && again.worker === worker ? again : undefined;
    });
  }

  /** A router of 0.7 tells others, and not the client. */
  async #hitOf({ promptTokens = 0 }: TokensAnswer, from: number): Promise<Hit> {
    const blocks = Math.ceil(promptTokens / BLOCK_TOKENS);
    return untilFound("the router has told what it expected", () =>
      this.#news.hits.slice(from).find(({ promptBlocks }) => promptBlocks === blocks),
    );
  }
}

/** All of a prompt that can be cached. */
export function fullBlocksOf({ promptTokens }: KvAnswer): number {
  return Math.floor(promptTokens / BLOCK_TOKENS);
}

function hitIn({ worker = "", hitRate = 0, promptTokens = 0 }: TokensAnswer): Hit {
  const promptBlocks = Math.ceil(promptTokens / BLOCK_TOKENS);
  return { worker, promptBlocks, cachedBlocks: Math.round(hitRate * promptBlocks) };
}
