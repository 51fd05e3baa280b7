/**
 * Events about requests under way, `active_sequences_events`: JSON with a UUID for the router in 0.7, msgpack with
 * a number later, there one event a message on NATS and a list of them on ZMQ.
 * Source: interop notes, section D6; kv-verified notes, sections 1.4 and 2.3.
 */
import { parseJson, stringifyJson } from "@dynamo/request-plane-core";
import { uncachedTokens } from "../cost.ts";
import type { SequenceChange, SequenceEvent } from "../load/sequence-event.ts";
import {
  countOf,
  fieldsOf,
  hashesOf,
  listOf,
  optionalCount,
  protocolError,
  textOf,
  u64Of,
} from "./fields.ts";
import type { Fields } from "./fields.ts";
import { pack, unpack } from "./msgpack.ts";

/** @param blockSize of the model: 0.7 tells the overlap in blocks. Throws `protocol_error`. */
export function decodeSequenceEventJson(text: string, blockSize: number): SequenceEvent {
  try {
    return sequenceEventFrom(parseJson(text), blockSize);
  } catch (error) {
    throw error instanceof SyntaxError ? protocolError("A sequence event is no JSON", error) : error;
  }
}

export function encodeSequenceEventJson(event: SequenceEvent): string {
  return stringifyJson(eventFields(event, addedFields07));
}

/** The payload of an envelope, from NATS or ZMQ. Throws `protocol_error`. */
export function decodeSequenceEvents(payload: Uint8Array, blockSize: number): SequenceEvent[] {
  const message = fieldsOf(unpack(payload, "Sequence events"), "sequence events");
  const events = message["events"] === undefined ? [message] : listOf(message["events"], "events");
  return events.map((event) => sequenceEventFrom(event, blockSize));
}

/** For ZMQ: a list in one message. */
export function encodeSequenceEvents(events: readonly SequenceEvent[]): Uint8Array {
  return pack({ events: events.map((event) => eventFields(event, addedFields16)) });
}

/** For NATS: one event a message. */
export function encodeSequenceEvent(event: SequenceEvent): Uint8Array {
  return pack(eventFields(event, addedFields16));
}

function sequenceEventFrom(value: unknown, blockSize: number): SequenceEvent {
  const event = fieldsOf(value, "sequence event");
  const worker = fieldsOf(event["worker"], "worker");
  const router = event["router_id"];
  return {
    requestId: textOf(event["request_id"], "request_id"),
    worker: {
      workerId: u64Of(worker["worker_id"], "worker_id"),
      dpRank: countOf(worker["dp_rank"] ?? 0, "dp_rank"),
    },
    routerId: typeof router === "string" ? router : u64Of(router, "router_id"),
    change: changeFrom(event["data"], blockSize),
  };
}

function changeFrom(data: unknown, blockSize: number): SequenceChange {
  if (data === "Free") return { kind: "freed" };
  if (data === "MarkPrefillCompleted") return { kind: "prefill_completed" };
  const added = fieldsOf(fieldsOf(data, "data of a sequence event")["AddRequest"], "AddRequest");
  const hashes = added["token_sequence"];
  const sequenceHashes = hashesOf(hashes ?? [], "token_sequence");
  const tokens = optionalCount(added["isl"], "isl");
  if (tokens === undefined) return { kind: "added", sequenceHashes, prefillTokens: prefillOf(added) };
  const overlapBlocks = optionalCount(added["overlap"], "overlap") ?? 0;
  const prefillTokens = uncachedTokens(tokens, overlapBlocks, blockSize);
  return { kind: "added", sequenceHashes, prefillTokens, tokens, overlapBlocks };
}

function prefillOf(added: Fields): number {
  const hint = added["prefill_load_hint"];
  if (added["track_prefill_tokens"] === false || hint === undefined || hint === null) return 0;
  const tokens = fieldsOf(hint, "prefill_load_hint")["initial_effective_prefill_tokens"];
  return countOf(tokens, "initial_effective_prefill_tokens");
}

type Added = Extract<SequenceChange, { kind: "added" }>;

function eventFields(
  { requestId, worker, routerId, change }: SequenceEvent,
  added: (change: Added) => Fields,
): Fields {
  return {
    request_id: requestId,
    worker: { worker_id: worker.workerId, dp_rank: worker.dpRank },
    data: dataOf(change, added),
    router_id: routerId,
    ...(typeof routerId === "bigint" && { lora_name: null }),
  };
}

function dataOf(change: SequenceChange, added: (change: Added) => Fields): unknown {
  switch (change.kind) {
    case "added":
      return { AddRequest: added(change) };
    case "prefill_completed":
      return "MarkPrefillCompleted";
    case "freed":
      return "Free";
  }
}

function addedFields07({
  sequenceHashes,
  prefillTokens,
  tokens = prefillTokens,
  overlapBlocks = 0,
}: Added): Fields {
  return { token_sequence: Array.from(sequenceHashes), isl: tokens, overlap: overlapBlocks };
}

function addedFields16({ sequenceHashes, prefillTokens }: Added): Fields {
  return {
    token_sequence: Array.from(sequenceHashes),
    track_prefill_tokens: true,
    expected_output_tokens: null,
    prefill_load_hint: { initial_effective_prefill_tokens: prefillTokens, expected_prefill_duration: null },
  };
}
