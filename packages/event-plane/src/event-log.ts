import { PrefixIndex, WorkerSlots } from "@dynamo/kv-router";
import type { KvChange, KvEvent, WorkerRank } from "@dynamo/kv-router";
import type { RecoveryAnswer, RecoveryQuestion } from "@dynamo/kv-router/wire";

/** How many events a worker keeps, as in Dynamo. */
const KEPT_EVENTS = 1024;

/**
 * What a rank can tell about its KV cache: the last events as they were, and all that they come to.
 * Source of the answers: kv-verified notes, section 1.4, "Recovery endpoint".
 */
export class EventLog {
  readonly #rank: WorkerRank;
  readonly #slots = new WorkerSlots();
  readonly #index = new PrefixIndex(this.#slots);
  /** The event with the id `n` stands at `n` modulo its length. */
  readonly #events: KvEvent[] = [];
  #last = 0;

  constructor(rank: WorkerRank) {
    this.#rank = rank;
  }

  /** Gives the change its number; the first is 1. */
  append(change: KvChange): KvEvent {
    const event: KvEvent = { ...this.#rank, eventId: ++this.#last, change };
    this.#events[event.eventId % KEPT_EVENTS] = event;
    this.#index.apply(event);
    return event;
  }

  get last(): KvEvent | undefined {
    return this.#events[this.#last % KEPT_EVENTS];
  }

  answer({ startEventId: start, endEventId }: RecoveryQuestion): RecoveryAnswer {
    const newest = this.#last;
    const end = endEventId ?? newest;
    if (start === undefined || newest === 0) return this.#dump();
    if (endEventId !== undefined && start > endEventId) return { kind: "invalid_range", start, end };
    if (start > newest) return { kind: "too_new", start, end, newest };
    if (start <= newest - KEPT_EVENTS || start === 0) return this.#dump();
    return { kind: "events", events: this.#between(start, Math.min(end, newest)) };
  }

  #dump(): RecoveryAnswer {
    return { kind: "dump", events: [...this.#index.dump()], lastEventId: this.#last };
  }

  #between(start: number, end: number): KvEvent[] {
    const events: KvEvent[] = [];
    for (let id = start; id <= end; id++) {
      const event = this.#events[id % KEPT_EVENTS];
      if (event) events.push(event);
    }
    return events;
  }
}
