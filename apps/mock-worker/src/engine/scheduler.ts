/**
 * Which sequences the engine works on in each pass: continuous batching as vLLM does it. Those that run go on, each
 * with one token of its answer or the next part of its prompt, then those that wait are let in while there is
 * room. It is pure: whoever drives it lets the time of a pass go by between `begin()` and `end()`.
 * Source: interop notes, section E2.
 */
import type { KvChange } from "@dynamo/kv-router";
import { BlockPool } from "./block-pool.ts";
import type { EngineOptions } from "./engine-options.ts";
import { Sequence } from "./sequence.ts";
import type { EngineRequest } from "./sequence.ts";
import { passMs } from "./timing.ts";

/** What the engine has to do at the moment. */
export interface EngineLoad {
  readonly running: number;
  readonly waiting: number;
  /** Blocks that sequences use; cached ones that nobody uses don't count. */
  readonly usedBlocks: number;
}

/** A token of a sequence's answer. With the last one, its `finishReason` is set. */
export interface Output {
  readonly sequence: Sequence;
  readonly token: number;
}

export interface PassResult {
  readonly outputs: readonly Output[];
  /** What the pass did to the cache. */
  readonly changes: readonly KvChange[];
}

/** Tokens that a reader may be behind before its sequence is left out of passes. */
const MAX_UNREAD = 1024;

export class Scheduler {
  readonly pool: BlockPool;
  readonly #options: EngineOptions;
  /** Tokens of the longest sequence. */
  readonly #maxLength: number;
  #running: Sequence[] = [];
  #waiting: Sequence[] = [];
  /** Those that the pass under way gives a token. */
  #due: Sequence[] = [];

  constructor(options: EngineOptions) {
    this.#options = options;
    this.pool = new BlockPool(options.numGpuBlocks);
    const { numGpuBlocks, blockSize, maxModelLen = Infinity } = options;
    // In one pass, a sequence has to be computed again when it had to give way.
    const maxPass = options.enableChunkedPrefill ? Infinity : options.maxNumBatchedTokens;
    this.#maxLength = Math.min(maxModelLen, numGpuBlocks * blockSize, maxPass);
  }

  get load(): EngineLoad {
    return {
      running: this.#running.length,
      waiting: this.#waiting.length,
      usedBlocks: this.pool.used,
    };
  }

  get isEmpty(): boolean {
    return this.#running.length === 0 && this.#waiting.length === 0;
  }

  /** Whether a prompt of so many tokens can ever be computed and answered. */
  accepts(promptTokens: number): boolean {
    return promptTokens > 0 && promptTokens < this.#maxLength;
  }

  /** Queues a request that it accepts. */
  add(request: EngineRequest): Sequence {
    const sequence = new Sequence(request, this.pool, this.#options.blockSize);
    this.#waiting.push(sequence);
    return sequence;
  }

  /** Ends a sequence, in the midst of a pass too. Does nothing for one that has ended. */
  cancel(sequence: Sequence): void {
    if (sequence.state === "ended") return;
    sequence.leave("ended");
    const isOther = (other: Sequence) => other !== sequence;
    this.#running = this.#running.filter(isOther);
    this.#waiting = this.#waiting.filter(isOther);
    this.#due = this.#due.filter(isOther);
  }

  /** Starts a pass and says how many milliseconds it takes; `undefined` when there is nothing to do. */
  begin(): number | undefined {
    const pass = new Pass(this.#options.maxNumBatchedTokens);
    const wasPreempted = this.#goOn(pass);
    if (!wasPreempted) this.#letIn(pass);
    this.#due = pass.due;
    if (pass.tokens === 0) return undefined;
    const usage = this.pool.used / this.pool.capacity;
    return passMs({ prefillTokens: pass.prefillTokens, decodes: pass.decodes, usage }, this.#options);
  }

  /** Ends the pass: its tokens are there. */
  end(): PassResult {
    const outputs: Output[] = [];
    for (const sequence of this.#due) {
      outputs.push({ sequence, token: sequence.generate(this.#maxLength) });
      sequence.unread += 1;
      if (sequence.finishReason) sequence.leave("ended");
    }
    this.#due = [];
    this.#running = this.#running.filter(({ state }) => state === "running");
    return { outputs, changes: this.pool.takeChanges() };
  }

  /** Says whether a sequence had to give way, after which nobody is let in. */
  #goOn(pass: Pass): boolean {
    let wasPreempted = false;
    for (const sequence of [...this.#running]) {
      if (pass.room === 0 || sequence.unread >= MAX_UNREAD) continue;
      while (sequence.state === "running" && !sequence.grow()) {
        this.#preempt(pass);
        wasPreempted = true;
      }
      if (sequence.state === "running") this.#schedule(sequence, pass);
    }
    return wasPreempted;
  }

  #letIn(pass: Pass): void {
    const { enableChunkedPrefill, enablePrefixCaching, maxNumSeqs } = this.#options;
    for (let [next] = this.#waiting; next && pass.room > 0; [next] = this.#waiting) {
      if (this.#running.length >= maxNumSeqs) return;
      const cached = enablePrefixCaching ? next.lookUp() : NOTHING_CACHED;
      if (!this.#hasRoom(next.blocksNeeded - cached.blocks, cached.idle)) return;
      if (!enableChunkedPrefill && next.known - cached.tokens > pass.room) return;
      next.enter(cached);
      this.#waiting.shift();
      this.#running.push(next);
      this.#schedule(next, pass);
    }
  }

  /** Keeps some blocks free for those that run, unless none does. */
  #hasRoom(newBlocks: number, revived: number): boolean {
    const left = this.pool.available - revived - newBlocks;
    const kept = this.#running.length === 0 ? 0 : this.#options.watermark * this.pool.capacity;
    return left >= kept;
  }

  #schedule(sequence: Sequence, pass: Pass): void {
    const missing = sequence.known - sequence.computed;
    const tokens = Math.min(missing, pass.room);
    pass.add(tokens, missing > 1 || sequence.generated === 0);
    sequence.compute(tokens, this.#options.enablePrefixCaching);
    if (sequence.computed === sequence.known) pass.due.push(sequence);
  }

  /** The newest or the oldest sequence goes back to the head of the queue, without its blocks. */
  #preempt(pass: Pass): void {
    const victim = this.#options.preemptionMode === "lifo" ? this.#running.pop() : this.#running.shift();
    if (!victim) throw new Error("a sequence that runs is not among those that run");
    victim.leave("waiting");
    pass.due = pass.due.filter((other) => other !== victim);
    this.#waiting.unshift(victim);
  }
}

const NOTHING_CACHED = { blocks: 0, idle: 0, tokens: 0 };

/** What one pass computes. */
class Pass {
  /** Sequences that get a token at its end. */
  due: Sequence[] = [];
  prefillTokens = 0;
  decodes = 0;
  /** Tokens that may still be added. */
  room: number;

  constructor(room: number) {
    this.room = room;
  }

  get tokens(): number {
    return this.prefillTokens + this.decodes;
  }

  add(tokens: number, isPrefill: boolean): void {
    this.room -= tokens;
    if (isPrefill) this.prefillTokens += tokens;
    else this.decodes += tokens;
  }
}
