/**
 * What a connection that was switched to in-band responses has besides the frames of all planes. The caller numbers
 * its streams upwards from 1 and uses no number twice on one connection. Described in docs/in-band.md.
 */
import { StreamFrame } from "@dynamo/request-plane-core";

export const FrameKind = {
  ...StreamFrame,
  /** `u32 credit | u16 path length | path | u16 headers length | headers | envelope` opens a stream. */
  REQUEST: 1,
  /** Text: the request is not accepted, and why. The stream is over. On stream 0: the connection is over. */
  REFUSED: 16,
} as const;

/** Bytes of items that a worker may send on a stream before it is given more. */
export const INITIAL_CREDIT = 256 * 1024;
/** Streams at the same time on one connection. */
export const MAX_STREAMS = 20_000;

/** The value of `connection_info.transport`, and what instance records say. */
export const IN_BAND_TRANSPORT = "tcp_inband";
/** The path of the request frame that switches a connection. No endpoint can have it: ids are hexadecimal. */
export const SWITCH_PATH = "_inband/1";
