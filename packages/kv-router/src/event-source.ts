import type { KvEvent } from "./kv-event.ts";
import type { LoadReport } from "./workers.ts";
import type { WorkerRank } from "./worker-slots.ts";

/** Where events come from: one rank of one worker, in its present life. */
export interface EventSource extends WorkerRank {
  /** Changes when the worker starts anew; what an earlier one has told no longer holds. */
  readonly publisherId: bigint;
}

/** The events of a source, in the order in which they arrive, for as long as the source lives. */
export type KvEventStream = AsyncIterable<readonly KvEvent[]>;

/** What workers say about their load. */
export type LoadReportStream = AsyncIterable<LoadReport>;

/**
 * Asks a worker for what was missed. Absent when the worker can't be asked.
 * Source: kv-verified notes, section 1.4, "Recovery endpoint".
 */
export interface StateRecovery {
  /**
   * @param startEventId the first event that is missing; `undefined` for everything.
   * @param signal aborted when nobody waits any more.
   */
  recover(
    source: EventSource,
    startEventId: number | undefined,
    signal: AbortSignal,
  ): Promise<RecoveredState>;
}

export type RecoveredState =
  /** All that the rank holds. Ids of the events mean nothing; the last one that they stand for is told. */
  | { readonly kind: "dump"; readonly events: readonly KvEvent[]; readonly lastEventId: number }
  /** The events that were asked for. */
  | { readonly kind: "events"; readonly events: readonly KvEvent[] }
  /** Nothing is missing: the worker has no such events yet. */
  | { readonly kind: "nothing" };
