import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  ReplayPolicy,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { JetStreamNames } from "./names.ts";

const NANOS_IN_MS = 1_000_000;
/** A router that doesn't listen for so long is forgotten by the server. */
const INACTIVE_MS = 3_600_000;

/** Makes the stream of KV events as Dynamo's workers and routers do, unless it is there. */
export async function ensureStream(
  { streams }: JetStreamManager,
  { stream, subjects }: JetStreamNames,
  maxAgeMs: number,
): Promise<void> {
  try {
    await streams.info(stream);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await streams.add({
      name: stream,
      subjects: [subjects],
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
      storage: StorageType.File,
      max_age: maxAgeMs * NANOS_IN_MS,
    });
  }
}

/** The durable consumer of a router, which the server remembers while the router or the server is away. */
export async function ensureConsumer(
  { consumers }: JetStreamManager,
  { stream }: JetStreamNames,
  uuid: string,
): Promise<void> {
  await consumers.add(stream, {
    durable_name: uuid,
    deliver_policy: DeliverPolicy.All,
    ack_policy: AckPolicy.Explicit,
    replay_policy: ReplayPolicy.Instant,
    inactive_threshold: INACTIVE_MS * NANOS_IN_MS,
  });
}

export function isNotFound(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.status === 404;
}
