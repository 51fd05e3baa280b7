/**
 * Records of those who publish events about an endpoint (Dynamo 1.4 and later). In a store their endpoint is below
 * `scope`; in memory they have its names and the publisher's id where all records have them.
 *
 * Source: kv-verified notes, section 1.1.
 */
import type { DiscoveryRecord, EndpointName, InstanceId } from "@dynamo/request-plane-core";

/** How to listen to a channel: `Zmq` with an `endpoint`, `Nats` with a `subject_prefix`. */
export interface ChannelTransport {
  readonly kind: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Says where a publisher's messages about a topic are to be had. `instance_id` is the publisher's. */
export type EventChannelRecord = DiscoveryRecord & {
  readonly type: "EventChannel";
  readonly topic: string;
  readonly transport: ChannelTransport;
};

/** Says whose state the events of a channel are about, and who may be asked for it. */
export type EventSourceRecord = DiscoveryRecord & {
  readonly type: "EventSource";
  readonly topic: string;
  readonly metadata: Readonly<Record<string, unknown>>;
};

type EventRecord = EventChannelRecord | EventSourceRecord;

/** What a publisher is about. */
export interface Publisher {
  readonly endpoint: EndpointName;
  readonly topic: string;
  readonly publisherId: InstanceId;
}

export function eventChannelRecord(publisher: Publisher, transport: ChannelTransport): EventChannelRecord {
  return { type: "EventChannel", ...fieldsOf(publisher), transport };
}

export function eventSourceRecord(
  publisher: Publisher,
  metadata: EventSourceRecord["metadata"],
): EventSourceRecord {
  return { type: "EventSource", ...fieldsOf(publisher), metadata };
}

export function isEventChannelRecord(record: DiscoveryRecord): record is EventChannelRecord {
  return record.type === "EventChannel";
}

export function isEventSourceRecord(record: DiscoveryRecord): record is EventSourceRecord {
  return record.type === "EventSource";
}

export function isEventRecord(record: DiscoveryRecord): record is EventRecord {
  return isEventChannelRecord(record) || isEventSourceRecord(record);
}

/** The record as it is stored, its fields in the order in which Dynamo writes them. */
export function storedEventRecord(record: EventRecord): object {
  const { type, namespace, component, endpoint, instance_id, topic, ...rest } = record;
  const scope = { kind: "endpoint", endpoint: { namespace, component, name: endpoint } };
  return { type, scope, topic, [idFieldOf(type)]: instance_id, ...rest };
}

/** A parsed record as it is in memory; anything but a record of events stays as it is. */
export function normalEventRecord(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { type, scope } = value;
  if (type !== "EventChannel" && type !== "EventSource") return value;
  // Before 1.4 the scope was a component.
  const endpoint = isObject(scope) && isObject(scope["endpoint"]) ? scope["endpoint"] : {};
  const idField = idFieldOf(type);
  const { [idField]: id, topic, type: _type, scope: _scope, ...rest } = value;
  const { namespace, component, name } = endpoint;
  return { type, namespace, component, endpoint: name, instance_id: id, topic, ...rest };
}

function fieldsOf({ endpoint: { namespace, component, endpoint }, topic, publisherId }: Publisher) {
  return { namespace, component, endpoint, instance_id: publisherId, topic };
}

function idFieldOf(type: EventRecord["type"]): string {
  return type === "EventChannel" ? "instance_id" : "publisher_id";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
