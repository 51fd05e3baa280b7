/**
 * Discovery records and their JSON text.
 *
 * Source: lib/runtime/src/discovery/mod.rs and component.rs of ai-dynamo/dynamo; files written by 0.7.1 to 1.6.1.
 */
import { parseJson, RequestPlaneError, stringifyJson } from "@dynamo/request-plane-core";
import type { DiscoveryRecord, EndpointRecord, Instance } from "@dynamo/request-plane-core";
import { isEventRecord, normalEventRecord, storedEventRecord } from "./event-records.ts";
import type { ModelCard } from "./model-card.ts";
import { faultIn } from "./record-fault.ts";

/** A model card that is bound to one endpoint of one worker. */
export type ModelRecord = DiscoveryRecord & {
  readonly type: "Model";
  readonly card_json: ModelCard;
  /** Tells several cards of one instance apart; Dynamo uses the slug of a LoRA adapter. */
  readonly model_suffix?: string;
};

/** The record of an instance, its fields in the order in which Dynamo writes them. */
export function endpointRecord(instance: Instance): EndpointRecord {
  const { type: _type, component, endpoint, namespace, instance_id, transport, ...rest } = instance;
  return { type: "Endpoint", component, endpoint, namespace, instance_id, transport, ...rest };
}

/** The record that offers a model on an endpoint, with the id of the endpoint's instance, as Dynamo demands. */
export function modelRecord(instance: Instance, card: ModelCard): ModelRecord {
  const { namespace, component, endpoint, instance_id } = instance;
  return { type: "Model", namespace, component, endpoint, instance_id, card_json: card };
}

export function isEndpointRecord(record: DiscoveryRecord): record is EndpointRecord {
  return record.type === "Endpoint";
}

export function isModelRecord(record: DiscoveryRecord): record is ModelRecord {
  return record.type === "Model";
}

/**
 * The record that a text holds. Fields and types this package doesn't know are kept; whole numbers beyond 2^53
 * come as `bigint`, the instance id always does. Throws `protocol_error` for anything that is not a record.
 */
export function decodeRecord(text: string): DiscoveryRecord {
  const value = normalEventRecord(parse(text));
  const record: unknown = hasNumberAsId(value) ? { ...value, instance_id: BigInt(value.instance_id) } : value;
  const fault = faultIn(record);
  if (fault !== undefined) throw new RequestPlaneError("protocol_error", `Not a discovery record: ${fault}.`);
  return record as DiscoveryRecord;
}

/** The JSON text of a record, keys in the order they have. Throws `invalid_argument` for what Dynamo couldn't read. */
export function encodeRecord(record: DiscoveryRecord): string {
  const fault = faultIn(record);
  if (fault !== undefined) throw invalidRecord(fault);
  try {
    return stringifyJson(isEventRecord(record) ? storedEventRecord(record) : record);
  } catch (error) {
    throw invalidRecord(error instanceof Error ? error.message : String(error), error);
  }
}

function parse(text: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new RequestPlaneError("protocol_error", "Not a discovery record: the text is not JSON.", { cause });
  }
}

/** `{...value}` keeps the id in its place among the keys. */
function hasNumberAsId(value: unknown): value is { instance_id: number } {
  return (
    typeof value === "object" &&
    value !== null &&
    "instance_id" in value &&
    Number.isSafeInteger(value.instance_id)
  );
}

function invalidRecord(fault: string, cause?: unknown): RequestPlaneError {
  return new RequestPlaneError("invalid_argument", `Invalid discovery record: ${fault}.`, { cause });
}
