import type { EventSourceRecord } from "@dynamo/discovery";
import type { EventSource, RecoveredState, StateRecovery } from "@dynamo/kv-router";
import { recoveredState, recoveryRequest } from "@dynamo/kv-router/wire";
import { parseEndpointName, RequestPlaneError } from "@dynamo/request-plane-core";
import type { EndpointName, NetworkManager } from "@dynamo/request-plane-core";

/** Whom to ask for a rank's state. */
interface RecoveryTarget {
  readonly name: EndpointName;
  readonly instanceId: bigint;
}

/** What the record of a source says. Throws `protocol_error` when that is nothing to go by. */
export function kvSourceOf(record: EventSourceRecord): {
  readonly source: EventSource;
  readonly target: RecoveryTarget | undefined;
} {
  const worker = fieldsOf(record.metadata["worker"], "worker");
  const source = {
    workerId: idOf(worker["worker_id"], "worker_id"),
    dpRank: Number(worker["dp_rank"] ?? 0),
    publisherId: record.instance_id,
  };
  const target = record.metadata["recovery_target"];
  return { source, target: target === undefined || target === null ? undefined : targetOf(target) };
}

function targetOf(value: unknown): RecoveryTarget {
  const target = fieldsOf(value, "recovery_target");
  const { namespace, component, endpoint } = target;
  if (typeof namespace !== "string" || typeof component !== "string" || typeof endpoint !== "string") {
    throw protocolError("recovery_target names no endpoint");
  }
  const name = parseEndpointName({ namespace, component, endpoint });
  return { name, instanceId: idOf(target["instance_id"], "instance_id") };
}

/** Asks a worker over the request plane. */
export function recoveryFrom(manager: NetworkManager, { name, instanceId }: RecoveryTarget): StateRecovery {
  return {
    async recover(source, startEventId, signal): Promise<RecoveredState> {
      const client = manager.endpoint<unknown, never>(name).client();
      try {
        await client.waitForInstances({ signal });
        const question = recoveryRequest(source, startEventId);
        const stream = await client.direct(question, instanceId, { signal, failover: false });
        let state: RecoveredState | undefined;
        // Replies stand where other endpoints have an item with its envelope.
        for await (const reply of stream.annotated()) state ??= recoveredState(reply);
        if (state) return state;
        throw protocolError("A worker that was asked for its KV state said nothing");
      } finally {
        await client.close();
      }
    },
  };
}

function fieldsOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null) return value as Readonly<Record<string, unknown>>;
  throw protocolError(`${what} of an event source is no object`);
}

function idOf(value: unknown, what: string): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  throw protocolError(`${what} of an event source is ${String(value)}`);
}

function protocolError(message: string): RequestPlaneError {
  return new RequestPlaneError("protocol_error", message);
}
