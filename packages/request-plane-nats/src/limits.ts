import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { NatsConnection } from "@nats-io/transport-node";

export interface SizeLimit {
  /** Bytes, inclusive. */
  readonly limit: number;
  /** Whose limit it is. */
  readonly of: string;
}

/** What the plane carries at most, whatever the server allows. Source: Dynamo's request planes guide, "Using NATS". */
export const PLANE_LIMIT: SizeLimit = { limit: 16 * 1024 * 1024, of: "the 16 MB of the NATS plane" };

/** Throws `payload_too_large`. The server counts the header block and the payload together. */
export function checkSize(bytes: number, { limit, of }: SizeLimit): void {
  if (bytes <= limit) return;
  throw new RequestPlaneError(
    "payload_too_large",
    `The request has ${bytes} bytes with its headers, more than the ${limit} of ${of}; the TCP plane takes larger ones`,
    { facts: { actual: bytes, limit, setting: of } },
  );
}

/** What the server carries; `shown` is its name. */
export function payloadLimit({ info }: NatsConnection, shown: string): SizeLimit {
  return { limit: info?.max_payload ?? 0, of: `max_payload of NATS at ${shown}` };
}

/** Throws `overloaded` when requests of `waiting` bytes wait already, and there is no room for more. */
export function checkRoom(bytes: number, waiting: number, limit: number): void {
  const actual = waiting + bytes;
  if (actual <= limit || waiting === 0) return;
  throw new RequestPlaneError(
    "overloaded",
    `Requests of ${waiting} bytes wait for NATS and its workers already`,
    { facts: { limit, actual, setting: "maxPendingBytes" } },
  );
}
