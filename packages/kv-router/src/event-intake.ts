import { askUntilAnswered } from "./ask-until-answered.ts";
import { defaultLogger } from "@dynamo/request-plane-core";
import type { Logger } from "@dynamo/request-plane-core";
import { EventCursor } from "./event-gaps.ts";
import type { EventSource, KvEventStream, RecoveredState, StateRecovery } from "./event-source.ts";
import type { ApplyOutcome, PrefixIndex } from "./index/prefix-index.ts";
import type { KvEvent } from "./kv-event.ts";
import type { WorkerSlots } from "./worker-slots.ts";

export interface EventIntakeOptions {
  /** Absent when the worker can't be asked; then gaps are reported and gone over. */
  readonly recovery?: StateRecovery;
  /** Bound on one question to the worker, in milliseconds; 10,000 unless told. */
  readonly recoveryTimeoutMs?: number;
  /** How often a worker is asked before the router goes on without an answer; 5 unless told. */
  readonly recoveryAttempts?: number;
  /** Pause before asking again, in milliseconds, doubled each time; 200 unless told. */
  readonly retryDelayMs?: number;
  /** Events that may wait while a worker is asked; 65,536 unless told. More than that, and it is asked once more. */
  readonly maxPending?: number;
  readonly logger?: Logger;
}

/** What happened to the events of a source. */
export interface IntakeCounts {
  applied: number;
  /** Came again, or too late. */
  seen: number;
  gaps: number;
  recoveries: number;
  failedRecoveries: number;
  unknownParents: number;
}

/** What can be wrong with one worker at a time that is worth a line each. */
const MOST_TROUBLES = 10;

/**
 * Takes the events of one source into an index: each once, in order, and asks the worker when some are missing.
 * While it asks, what arrives waits. There is one question at a time, and none without an end.
 */
export class EventIntake {
  readonly source: EventSource;
  readonly counts: IntakeCounts = {
    applied: 0,
    seen: 0,
    gaps: 0,
    recoveries: 0,
    failedRecoveries: 0,
    unknownParents: 0,
  };
  readonly #index: PrefixIndex;
  readonly #slots: WorkerSlots;
  readonly #options: Required<Omit<EventIntakeOptions, "recovery">>;
  readonly #recovery: StateRecovery | undefined;
  readonly #cursor = new EventCursor();
  readonly #closing = new AbortController();
  /** Events that wait for a recovery; `undefined` when none is under way. */
  #pending: KvEvent[] | undefined;
  #hasLostPending = false;
  /** The event that was asked for last. */
  #asked: number | undefined;
  #recovering: Promise<void> = Promise.resolve();
  /** What is wrong with the worker, as far as that was said: it is said again after an answer only. */
  readonly #troubles = new Set<string>();

  constructor(
    target: { index: PrefixIndex; slots: WorkerSlots },
    source: EventSource,
    options: EventIntakeOptions = {},
  ) {
    const { recovery, ...rest } = options;
    this.source = source;
    this.#index = target.index;
    this.#slots = target.slots;
    this.#recovery = recovery;
    this.#options = {
      recoveryTimeoutMs: 10_000,
      recoveryAttempts: 5,
      retryDelayMs: 200,
      maxPending: 65_536,
      logger: defaultLogger,
      ...rest,
    };
    // What the rank held in an earlier life no longer holds.
    this.#clear();
    if (recovery) this.#recover(undefined);
  }

  /** Whether the index knows all that the worker has told: nothing is asked at the moment. */
  get isCurrent(): boolean {
    return this.#pending === undefined;
  }

  /** Settles when no question is under way. Never rejects. */
  async settled(): Promise<void> {
    while (this.#pending) await this.#recovering;
  }

  /** Takes in a stream until it ends, or until `close`. Rejects when the stream does. */
  async run(stream: KvEventStream): Promise<void> {
    for await (const events of stream) {
      if (this.#closing.signal.aborted) return;
      this.take(events);
    }
  }

  /** Takes in events that have arrived. Those of other ranks are not this intake's and are ignored. */
  take(events: readonly KvEvent[]): void {
    for (const event of events) {
      if (event.workerId !== this.source.workerId || event.dpRank !== this.source.dpRank) continue;
      if (this.#pending) this.#wait(this.#pending, event);
      else this.#take(event);
    }
  }

  /**
   * Asks for what the worker has told since the last event taken in. For a connection that was lost and stands
   * again: what was missed shows itself only with the next event, which may be long in coming.
   */
  catchUp(): void {
    if (!this.#recovery || this.#pending || this.#closing.signal.aborted) return;
    const { last } = this.#cursor;
    this.#recover(last === undefined ? undefined : last + 1);
  }

  /** Takes in nothing any more; a question under way is given up. The index keeps what it has. */
  close(): void {
    this.#closing.abort();
  }

  #take(event: KvEvent): void {
    if (this.#closing.signal.aborted) return;
    const arrival = this.#cursor.classify(event.eventId);
    if (arrival === "seen") {
      this.counts.seen++;
      return;
    }
    if (arrival === "gap") {
      this.counts.gaps++;
      const missing = (this.#cursor.last ?? -1) + 1;
      this.#warn({ missing, arrived: event.eventId }, "KV events are missing");
      // A worker that was asked for it and doesn't have it isn't asked again.
      if (this.#recovery && this.#asked !== missing) {
        this.#recover(missing);
        if (this.#pending) this.#wait(this.#pending, event);
        return;
      }
    }
    this.#apply(event);
    this.#cursor.advance(event.eventId);
  }

  #wait(pending: KvEvent[], event: KvEvent): void {
    if (pending.length < this.#options.maxPending) pending.push(event);
    else this.#hasLostPending = true;
  }

  #recover(startEventId: number | undefined): void {
    this.#pending = [];
    this.#hasLostPending = false;
    this.#asked = startEventId;
    const { recoveryTimeoutMs, recoveryAttempts, retryDelayMs } = this.#options;
    const question = {
      ask: (signal: AbortSignal) => this.#recovery?.recover(this.source, startEventId, signal),
      failed: (error: unknown) =>
        this.#warnOnce("A worker could not be asked for its KV state", String(error)),
      timeoutMs: recoveryTimeoutMs,
      attempts: recoveryAttempts,
      retryDelayMs,
    };
    this.#recovering = askUntilAnswered(question, this.#closing.signal).then((state) => this.#resume(state));
  }

  #resume(state: RecoveredState | undefined): void {
    const pending = this.#pending ?? [];
    this.#pending = undefined;
    if (this.#closing.signal.aborted) return;
    if (state) this.#adopt(state);
    else this.#giveUp(pending[0]);
    if (this.#hasLostPending) {
      this.#recover(undefined);
      return;
    }
    for (const [at, event] of pending.entries()) {
      this.#take(event);
      // Another gap: what follows waits again.
      if (this.#pending) {
        this.take(pending.slice(at + 1));
        return;
      }
    }
  }

  #adopt(state: RecoveredState): void {
    this.counts.recoveries++;
    this.#troubles.clear();
    if (state.kind === "nothing") return;
    if (state.kind === "dump") this.#clear();
    for (const event of state.events) {
      if (state.kind === "events" && this.#cursor.classify(event.eventId) === "seen") continue;
      this.#apply(event);
      if (state.kind === "events") this.#cursor.advance(event.eventId);
    }
    if (state.kind === "dump") this.#cursor.advance(state.lastEventId);
  }

  /** Nothing known is better than what may be wrong: removed blocks that the index still counts on. */
  #giveUp(first: KvEvent | undefined): void {
    this.counts.failedRecoveries++;
    this.#clear();
    if (first) this.#cursor.advance(first.eventId - 1);
    this.#warnOnce("Went on without the KV state of a worker");
  }

  #apply(event: KvEvent): void {
    const outcome: ApplyOutcome = this.#index.apply(event);
    if (outcome === "unknown_parent") this.counts.unknownParents++;
    this.counts.applied++;
  }

  #clear(): void {
    const slot = this.#slots.find(this.source.workerId, this.source.dpRank);
    if (slot !== undefined) this.#index.clear(slot);
  }

  #warnOnce(message: string, error?: string): void {
    const trouble = `${message}: ${error}`;
    if (this.#troubles.has(trouble) || this.#troubles.size >= MOST_TROUBLES) return;
    this.#troubles.add(trouble);
    this.#warn(error === undefined ? {} : { error }, message);
  }

  #warn(facts: object, message: string): void {
    const { workerId, dpRank } = this.source;
    this.#options.logger.warn({ worker: workerId.toString(16), dpRank, ...facts }, message);
  }
}
