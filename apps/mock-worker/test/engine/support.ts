import { blockHashes, PrefixIndex, WorkerSlots } from "@dynamo/kv-router";
import type { KvChange } from "@dynamo/kv-router";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import type { Output, PassResult, Scheduler } from "../../src/engine/scheduler.ts";
import type { EngineRequest, Sequence } from "../../src/engine/sequence.ts";

export const options: EngineOptions = {
  numGpuBlocks: 64,
  blockSize: 4,
  maxNumSeqs: 8,
  maxNumBatchedTokens: 128,
  enablePrefixCaching: true,
  enableChunkedPrefill: true,
  preemptionMode: "lifo",
  watermark: 0,
  maxModelLen: undefined,
  speedupRatio: 1,
  decodeSpeedupRatio: 1,
};

export function request(
  prompt: readonly number[],
  maxTokens: number,
  changes: Partial<EngineRequest> = {},
): EngineRequest {
  return { prompt, maxTokens, endingTokens: new Map(), minTokens: 0, seed: 1, ...changes };
}

/** Tokens that are the same for the same start. */
export function tokens(count: number, start = 0): number[] {
  return Array.from({ length: count }, (_, at) => start + at);
}

/** One pass, without the time that it takes; `undefined` when there is nothing to do. */
export function pass(scheduler: Scheduler): PassResult | undefined {
  return scheduler.begin() === undefined ? undefined : scheduler.end();
}

/** The answers of all sequences, after as many passes as it takes. */
export function run(scheduler: Scheduler, answers = new Map<Sequence, number[]>()): Map<Sequence, number[]> {
  for (let result = pass(scheduler); result; result = pass(scheduler)) collect(result.outputs, answers);
  return answers;
}

/** As a reader that is never behind. */
export function collect(outputs: readonly Output[], answers: Map<Sequence, number[]>): void {
  for (const { sequence, token } of outputs) {
    sequence.unread = 0;
    answers.set(sequence, [...(answers.get(sequence) ?? []), token]);
  }
}

/** A router that hears of one cache. */
export class Listener {
  readonly #slots = new WorkerSlots();
  readonly #index = new PrefixIndex(this.#slots);
  readonly #slot = this.#slots.take(1n, 0);
  #eventId = 0;
  /** Events that didn't fit what was said before. */
  readonly faults: string[] = [];

  hear(changes: readonly KvChange[]): void {
    for (const change of changes) {
      const outcome = this.#index.apply({ workerId: 1n, dpRank: 0, eventId: this.#eventId++, change });
      if (outcome !== "applied") this.faults.push(`${change.kind}: ${outcome}`);
    }
  }

  /** Blocks that it takes to be in the cache. */
  get size(): number {
    return this.#index.sizeOf(this.#slot);
  }

  /** Of a prompt, the blocks that it takes to be in the cache. */
  overlap(prompt: readonly number[], blockSize = options.blockSize): number {
    const depths = new Int32Array(this.#slots.limit);
    this.#index.match(blockHashes(prompt, blockSize), depths);
    return depths[this.#slot] ?? 0;
  }
}
