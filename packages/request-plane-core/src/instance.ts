/**
 * The record of one worker's endpoint, as Dynamo keeps it in discovery.
 *
 * Source: wire-protocol notes, section 2.2 (discovery record); lib/runtime/src/component.rs of ai-dynamo/dynamo.
 */
import { randomBytes } from "node:crypto";
import type { EndpointName } from "./endpoint-name.ts";
import type { PayloadCodecName } from "./wire/control-message.ts";

/**
 * An unsigned 64-bit number, often above 2^53: etcd lease ids and random ids. A bare number in JSON,
 * lower-case hexadecimal without padding in addresses and keys.
 */
export type InstanceId = bigint;

/**
 * Where an instance takes requests: one key, which names the plane, and its address.
 * Dynamo writes `tcp`, `nats_tcp` or (up to 1.2) `http`.
 */
export type InstanceTransport = Readonly<Record<string, string>>;

/** One endpoint of one worker. Fields this package doesn't know are kept as they came. */
export interface Instance extends EndpointName {
  readonly instance_id: InstanceId;
  readonly transport: InstanceTransport;
  /** Written from 1.4 on: the codec that the worker likes best. It takes JSON too. Absent means JSON alone. */
  readonly request_plane_codec?: PayloadCodecName;
  readonly [unknown: string]: unknown;
}

/** A random unsigned 64-bit id, as Dynamo's file and memory stores make them. */
export function randomInstanceId(): InstanceId {
  return randomBytes(8).readBigUInt64BE();
}

/** Lower-case hexadecimal, no padding, no `0x`. */
export function formatInstanceId(id: InstanceId): string {
  return id.toString(16);
}

/** The id of its hexadecimal form, or `undefined` when the text is not an unsigned 64-bit number. */
export function parseInstanceId(hex: string): InstanceId | undefined {
  return /^[0-9a-f]{1,16}$/i.test(hex) ? BigInt(`0x${hex}`) : undefined;
}
