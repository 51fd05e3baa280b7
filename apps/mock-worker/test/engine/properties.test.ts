/** Whatever comes, in whatever order: what has to hold at every moment, and when everything is over. */
import { describe, expect, it } from "vitest";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import { Scheduler } from "../../src/engine/scheduler.ts";
import type { Sequence } from "../../src/engine/sequence.ts";
import { TokenSource } from "../../src/engine/token-source.ts";
import { seededRandom } from "../../src/random.ts";
import { collect, Listener, options, request, run, tokens } from "./support.ts";

const RUNS = Number(process.env["MOCK_ENGINE_RUNS"] ?? 300);

class Trace {
  readonly #random: () => number;
  readonly #scheduler: Scheduler;
  readonly #capacity: number;
  /** Tokens of the longest sequence. */
  readonly #maxLength: number;
  readonly #listener = new Listener();
  readonly #live = new Set<Sequence>();
  readonly answers = new Map<Sequence, number[]>();
  readonly cancelled = new Set<Sequence>();
  readonly all: Sequence[] = [];
  readonly loads: unknown[] = [];
  readonly times: (number | undefined)[] = [];
  readonly changes: unknown[] = [];

  constructor(seed: number) {
    this.#random = seededRandom(seed, "trace");
    const engine = this.#options();
    this.#capacity = engine.numGpuBlocks;
    const maxPass = engine.enableChunkedPrefill ? Infinity : engine.maxNumBatchedTokens;
    this.#maxLength = Math.min(engine.numGpuBlocks * engine.blockSize, maxPass);
    this.#scheduler = new Scheduler(engine);
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) this.#step();
    for (const sequence of this.#live) if (this.#below(4) === 0) this.#cancel(sequence);
    while (this.#pass());
    expect(this.#scheduler.pool.refs).toBe(0);
    expect(this.#scheduler.pool.used).toBe(0);
    expect(this.#scheduler.isEmpty).toBe(true);
    expect(this.#scheduler.load).toMatchObject({ running: 0, waiting: 0, usedBlocks: 0 });
    this.#expectAnswers();
  }

  #options(): EngineOptions {
    return {
      ...options,
      numGpuBlocks: 12 + this.#below(40),
      maxNumSeqs: 1 + this.#below(8),
      maxNumBatchedTokens: 64 + this.#below(64),
      enableChunkedPrefill: this.#below(3) > 0,
      preemptionMode: this.#below(2) ? "lifo" : "fifo",
      watermark: this.#below(3) / 10,
    };
  }

  #step(): void {
    const draw = this.#below(12);
    if (draw < 3) this.#add();
    else if (draw === 3) this.#cancel([...this.#live][this.#below(this.#live.size)]);
    else this.#pass();
  }

  /** Prompts that share beginnings with one another and with answers. */
  #add(): void {
    const shared = [...this.answers][this.#below(this.answers.size)];
    const prompt =
      shared && this.#below(3) === 0
        ? [...shared[0].request.prompt, ...shared[1], this.#below(5)]
        : [...tokens(this.#below(24)), ...tokens(1 + this.#below(8), 100 * this.#below(4))];
    if (!this.#scheduler.accepts(prompt.length)) return;
    const sequence = this.#scheduler.add(request(prompt, 1 + this.#below(20)));
    this.#live.add(sequence);
    this.all.push(sequence);
  }

  #cancel(sequence: Sequence | undefined): void {
    if (!sequence) return;
    this.#scheduler.cancel(sequence);
    this.#live.delete(sequence);
    this.cancelled.add(sequence);
  }

  #pass(): boolean {
    const ms = this.#scheduler.begin();
    this.times.push(ms);
    if (ms === undefined) return false;
    // In the midst of a pass.
    if (this.#below(6) === 0) this.#cancel([...this.#live][this.#below(this.#live.size)]);
    const { outputs, changes } = this.#scheduler.end();
    expect(outputs.filter(({ sequence }) => this.cancelled.has(sequence))).toEqual([]);
    collect(outputs, this.answers);
    for (const { sequence } of outputs) if (sequence.finishReason) this.#live.delete(sequence);
    this.#listener.hear(changes);
    this.changes.push(...changes);
    this.loads.push(this.#scheduler.load);
    this.#expectConsistency();
    return true;
  }

  #expectConsistency(): void {
    const { pool } = this.#scheduler;
    const names = [...pool.names].length;
    expect(pool.used).toBeLessThanOrEqual(this.#capacity);
    expect(names).toBeLessThanOrEqual(this.#capacity);
    expect(this.#listener.faults).toEqual([]);
    expect(this.#listener.size).toBe(names);
    const held = this.all.reduce((sum, { blocksHeld }) => sum + blocksHeld, 0);
    expect(pool.refs).toBe(held);
  }

  /** Of those that weren't cancelled, as if each had been alone. */
  #expectAnswers(): void {
    for (const sequence of this.all) {
      if (this.cancelled.has(sequence)) continue;
      const answer = this.answers.get(sequence) ?? [];
      const { prompt, maxTokens } = sequence.request;
      expect(answer).toHaveLength(Math.min(maxTokens, this.#maxLength - prompt.length));
      const source = new TokenSource(1, prompt);
      expect(answer).toEqual(answer.map(() => source.next()));
      expect(sequence.finishReason).toBe("length");
    }
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

describe("any sequence of requests, cancels and preemptions", () => {
  it(`leaves no block behind, and a router knows what is in the cache (${RUNS} traces)`, () => {
    let cancelled = 0;
    for (let seed = 0; seed < RUNS; seed++) {
      const trace = new Trace(seed);
      trace.run(150);
      cancelled += trace.cancelled.size;
    }
    expect(cancelled).toBeGreaterThan(RUNS);
  });

  it("goes the same way twice: tokens, changes, load, times", () => {
    const [one, other] = [0, 1].map(() => {
      const trace = new Trace(42);
      trace.run(1000);
      const { answers, all, changes, loads, times } = trace;
      return { answers: all.map((sequence) => answers.get(sequence)), changes, loads, times };
    });
    expect(one!.answers.length).toBeGreaterThan(100);
    expect(one).toEqual(other);
  });

  it("ends also when blocks are so few that sequences always push each other out", () => {
    for (const preemptionMode of ["lifo", "fifo"] as const) {
      const scheduler = new Scheduler({
        ...options,
        numGpuBlocks: 10,
        preemptionMode,
        maxNumBatchedTokens: 5,
      });
      const all = Array.from({ length: 20 }, (_, at) => scheduler.add(request(tokens(8, 100 * at), 30)));
      const answers = run(scheduler);
      expect(all.map((sequence) => answers.get(sequence)?.length)).toEqual(all.map(() => 30));
      expect(scheduler.pool.refs).toBe(0);
    }
  });
});
