/**
 * Questions to the recovery endpoint of a worker, and its answers, for both sides.
 * Source: kv-verified notes, section 1.4.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { RecoveredState } from "../event-source.ts";
import type { KvEvent } from "../kv-event.ts";
import type { WorkerRank } from "../worker-slots.ts";
import { countOf, fieldsOf, listOf, optionalCount, protocolError, u64Of } from "./fields.ts";
import type { Fields } from "./fields.ts";
import { kvEventFrom, recentKvEventFields } from "./kv-events.ts";

/** What a router asks. Absent ids stand for all there is on that side. */
export interface RecoveryQuestion extends WorkerRank {
  readonly startEventId: number | undefined;
  /** The last event that is wanted. */
  readonly endEventId: number | undefined;
}

/** What a worker answers. */
export type RecoveryAnswer =
  | RecoveredState
  | { readonly kind: "too_new"; readonly start: number; readonly end: number; readonly newest: number }
  | { readonly kind: "invalid_range"; readonly start: number; readonly end: number };

/** The body of a request, for JSON or msgpack. */
export function recoveryRequest({ workerId, dpRank }: WorkerRank, startEventId: number | undefined): Fields {
  return {
    worker_id: workerId,
    dp_rank: dpRank,
    start_event_id: startEventId ?? null,
    end_event_id: null,
    supports_tree_dump_failed: true,
    kind: "recovery",
  };
}

/**
 * The item of a response, decoded and without the `data` around it.
 * Throws `protocol_error`, or `unavailable` when the worker says that it can't tell.
 */
export function recoveredState(item: unknown): RecoveredState {
  const reply = fieldsOf(item, "recovery reply");
  if (reply["TreeDump"] !== undefined) {
    const { events, last_event_id: lastEventId } = fieldsOf(reply["TreeDump"], "TreeDump");
    return { kind: "dump", events: eventsOf(events), lastEventId: countOf(lastEventId, "last_event_id") };
  }
  if (reply["Events"] !== undefined) {
    return { kind: "events", events: eventsOf(fieldsOf(reply["Events"], "Events")["events"]) };
  }
  if (reply["TooNew"] !== undefined) return { kind: "nothing" };
  const [refusal] = Object.keys(reply);
  if (refusal === undefined) throw protocolError("An empty recovery reply");
  throw new RequestPlaneError("unavailable", `The worker can't tell its KV state: ${refusal}`, {
    remote: true,
  });
}

/** Throws `protocol_error` for a body that is no question. */
export function decodeRecoveryRequest(body: unknown): RecoveryQuestion {
  const fields = fieldsOf(body, "recovery request");
  return {
    workerId: u64Of(fields["worker_id"], "worker_id"),
    dpRank: countOf(fields["dp_rank"] ?? 0, "dp_rank"),
    startEventId: optionalCount(fields["start_event_id"], "start_event_id"),
    endEventId: optionalCount(fields["end_event_id"], "end_event_id"),
  };
}

/** The item of a response, without the `data` around it. */
export function recoveryReply(answer: RecoveryAnswer): Fields {
  switch (answer.kind) {
    case "dump": {
      const events = answer.events.map(recentKvEventFields);
      return { TreeDump: { events, last_event_id: answer.lastEventId, reset_scope: "all" } };
    }
    case "events":
      return { Events: { events: answer.events.map(recentKvEventFields) } };
    case "nothing":
      return { Events: { events: [] } };
    case "too_new":
      return {
        TooNew: {
          requested_start: answer.start,
          requested_end: answer.end,
          newest_available: answer.newest,
        },
      };
    case "invalid_range":
      return { InvalidRange: { start_id: answer.start, end_id: answer.end } };
  }
}

function eventsOf(events: unknown): KvEvent[] {
  return listOf(events, "events").map(kvEventFrom);
}
