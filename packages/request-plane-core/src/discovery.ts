/**
 * The interface through which the request plane finds instances. `@dynamo/discovery` has the backends.
 */
import type { Instance } from "./instance.ts";

/**
 * A record as Dynamo keeps it: an object with a `type`, the three names of an endpoint and an instance id.
 * `Endpoint` records are instances; `Model` records carry a model card; `EventChannel` and `EventSource` records
 * say who publishes events about the endpoint, with the publisher's id as `instance_id`. Unknown fields are kept.
 */
export interface DiscoveryRecord {
  readonly type: string;
  readonly namespace: string;
  readonly component: string;
  readonly endpoint: string;
  readonly instance_id: bigint;
  readonly [field: string]: unknown;
}

export type EndpointRecord = Instance & { readonly type: "Endpoint" };

/** Which records to see. A name that is left out matches all. */
export interface DiscoveryQuery {
  readonly type: "Endpoint" | "Model" | "EventChannel" | "EventSource";
  readonly namespace?: string;
  readonly component?: string;
  readonly endpoint?: string;
  /** Of events. */
  readonly topic?: string;
}

/** `changed` carries the new record: same key, another value. `removed` carries the last one known. */
export interface DiscoveryEvent {
  readonly kind: "added" | "changed" | "removed";
  readonly record: DiscoveryRecord;
}

/** A record that this process keeps alive. */
export interface Registration {
  readonly record: DiscoveryRecord;
  /** Takes the record away. Resolves when others can see that it is gone. Calling it again does nothing. */
  unregister(): Promise<void>;
}

/** Keys of any name, beside the records, that live as long as this process: its lease keeps them. */
export interface LeasedKeys {
  /** Writes a key. What is given back takes it away again. */
  put(key: string, value: string): Promise<{ remove(): Promise<void> }>;
  /** All keys that begin so, whoever wrote them. */
  list(prefix: string): Promise<string[]>;
}

export interface Discovery {
  /** Name of the backend, for messages: `mem`, `file`. */
  readonly name: string;

  /** Absent where there is no such store; etcd has it. */
  readonly keys?: LeasedKeys;

  /** Writes a record and keeps it alive until it is unregistered or the backend is closed. Overwrites its key. */
  register(record: DiscoveryRecord): Promise<Registration>;

  /** The records that are alive now. */
  list(query: DiscoveryQuery): Promise<DiscoveryRecord[]>;

  /**
   * First an `added` for each record that is alive, then each change as it is seen. Never ends by itself:
   * it ends cleanly when the signal is aborted, when the loop is left, or when the backend is closed.
   * Trouble on the way (a folder that vanishes, a connection that breaks) is mended inside and does not end it.
   */
  watch(query: DiscoveryQuery, signal?: AbortSignal): AsyncIterable<DiscoveryEvent>;

  /** Takes away every record this process registered and ends all watches. */
  close(): Promise<void>;
}

/** Whether a record is one that the query asks for. */
export function matchesQuery(record: DiscoveryRecord, query: DiscoveryQuery): boolean {
  return (
    record.type === query.type &&
    (query.namespace === undefined || record.namespace === query.namespace) &&
    (query.component === undefined || record.component === query.component) &&
    (query.endpoint === undefined || record.endpoint === query.endpoint) &&
    (query.topic === undefined || record["topic"] === query.topic)
  );
}

/** Whether a record is an instance that says where it takes requests. */
export function isEndpointRecord(record: DiscoveryRecord): record is EndpointRecord {
  const transport: unknown = record["transport"];
  return (
    record.type === "Endpoint" &&
    typeof transport === "object" &&
    transport !== null &&
    Object.values(transport).every((address) => typeof address === "string")
  );
}
