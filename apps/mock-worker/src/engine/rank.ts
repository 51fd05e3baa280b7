/**
 * One data-parallel rank of the engine, at work: passes follow one another for as long as there is something to do,
 * at the speed of a clock.
 */
import type { KvChange } from "@dynamo/kv-router";
import type { Clock } from "./clock.ts";
import type { EngineOptions } from "./engine-options.ts";
import { Generation } from "./generation.ts";
import { Scheduler } from "./scheduler.ts";
import type { EngineLoad } from "./scheduler.ts";
import type { EngineRequest, Sequence } from "./sequence.ts";

/** Who hears of what a rank does. Both come at the beginning or the end of a pass. */
export interface RankListener {
  /** In order; together they are what is in the cache. */
  kvChanges(changes: readonly KvChange[]): void;
  load(load: EngineLoad): void;
}

export class EngineRank {
  readonly scheduler: Scheduler;
  readonly #clock: Clock;
  readonly #listener: RankListener;
  readonly #generations = new Map<Sequence, Generation>();
  /** Of the wait for the end of a pass; `undefined` when there is nothing to do. */
  #working: AbortController | undefined;

  constructor(options: EngineOptions, clock: Clock, listener: RankListener) {
    this.scheduler = new Scheduler(options);
    this.#clock = clock;
    this.#listener = listener;
  }

  /** Requests that wait or run. */
  get requests(): number {
    return this.#generations.size;
  }

  /** Whether a prompt of so many tokens can ever be answered. */
  accepts(promptTokens: number): boolean {
    return this.scheduler.accepts(promptTokens);
  }

  /** Queues a request that the rank accepts. It runs until its last token, or until it is closed. */
  generate(request: EngineRequest): Generation {
    const sequence = this.scheduler.add(request);
    const generation = new Generation(sequence, {
      onRead: () => this.#work(),
      onClose: () => this.#close(sequence),
    });
    this.#generations.set(sequence, generation);
    this.#work();
    return generation;
  }

  #close(sequence: Sequence): void {
    if (!this.#generations.delete(sequence)) return;
    this.scheduler.cancel(sequence);
    // What others wait for may be free now; nobody waits for a pass without sequences.
    if (this.scheduler.isEmpty) this.#working?.abort();
    else this.#work();
  }

  #work(): void {
    if (this.#working) return;
    this.#working = new AbortController();
    void this.#passes(this.#working.signal);
  }

  async #passes(signal: AbortSignal): Promise<void> {
    let due = this.#clock.now();
    // Requests that come together run together.
    await this.#clock.until(due, signal);
    for (let ms = this.scheduler.begin(); ms !== undefined; ms = this.scheduler.begin()) {
      this.#listener.load(this.scheduler.load);
      due += ms;
      await this.#clock.until(due, signal);
      this.#endPass();
    }
    this.#working = undefined;
  }

  #endPass(): void {
    const { outputs, changes } = this.scheduler.end();
    if (changes.length > 0) this.#listener.kvChanges(changes);
    this.#listener.load(this.scheduler.load);
    for (const { sequence, token } of outputs) this.#generations.get(sequence)?.push(token);
  }
}
