/** Questions to the recovery endpoint of a worker, and its answers. Source: kv-verified notes, section 1.4. */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { RecoveredState } from "../event-source.ts";
import type { KvEvent } from "../kv-event.ts";
import type { WorkerRank } from "../worker-slots.ts";
import { countOf, fieldsOf, listOf, protocolError } from "./fields.ts";
import type { Fields } from "./fields.ts";
import { kvEventFrom } from "./kv-events.ts";

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

function eventsOf(events: unknown): KvEvent[] {
  return listOf(events, "events").map(kvEventFrom);
}
