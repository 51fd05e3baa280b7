import { randomUUID } from "node:crypto";
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  jetstreamManager,
  ReplayPolicy,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import type { ConsumerConfig, JetStreamManager } from "@nats-io/jetstream";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { NatsLink } from "@dynamo/request-plane-nats/connection";
import type { JetStreamNames } from "./names.ts";

/**
 * Connects when that was not done yet. Rejects as the connection does, and with `invalid_configuration` when the server
 * has no JetStream.
 */
export async function managerOf(link: NatsLink): Promise<JetStreamManager> {
  const connection = await link.connect();
  try {
    return await jetstreamManager(connection);
  } catch (cause) {
    // Its class is not exported.
    if (!(cause instanceof Error && cause.name === "JetStreamNotEnabled")) throw cause;
    const message =
      `NATS at ${connection.getServer()} has no JetStream: start it with -js, set NATS_SERVER to a server that has it, ` +
      "or DYN_EVENT_PLANE to another event plane";
    throw new RequestPlaneError("invalid_configuration", message, {
      cause,
      facts: { setting: "NATS_SERVER" },
    });
  }
}

const NANOS_IN_MS = 1_000_000;
/** A router that doesn't listen for so long is forgotten by the server. */
const INACTIVE_MS = 3_600_000;
/** Long enough for what it stands in for. */
const STAND_IN_MS = 60_000;

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
  try {
    await consumers.info(stream, uuid);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await consumers.add(stream, consumerConfig(uuid, { deliver_policy: DeliverPolicy.All }));
  }
}

/**
 * Lets the server go on with the first message that was not acknowledged. By itself it sends what was under way when a
 * connection broke half a minute later, after all that came since, and more of it to a connection it doesn't know to be
 * dead. Another consumer stands in meanwhile, so that other routers leave in the stream what this one hasn't taken.
 */
export async function rewindConsumer(
  { consumers }: JetStreamManager,
  { stream }: JetStreamNames,
  uuid: string,
): Promise<void> {
  const { ack_floor: taken } = await consumers.info(stream, uuid);
  const rest = { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: taken.stream_seq + 1 };
  const standIn = `rewinding-${randomUUID()}`;
  await consumers.add(stream, consumerConfig(standIn, rest, STAND_IN_MS));
  await consumers.delete(stream, uuid);
  await consumers.add(stream, consumerConfig(uuid, rest));
  await consumers.delete(stream, standIn);
}

function consumerConfig(
  name: string,
  start: Pick<ConsumerConfig, "deliver_policy" | "opt_start_seq">,
  inactiveMs = INACTIVE_MS,
): Partial<ConsumerConfig> {
  return {
    ...start,
    durable_name: name,
    ack_policy: AckPolicy.Explicit,
    replay_policy: ReplayPolicy.Instant,
    inactive_threshold: inactiveMs * NANOS_IN_MS,
  };
}

export function isNotFound(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.status === 404;
}
