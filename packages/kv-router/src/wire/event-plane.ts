/**
 * What messages of the event plane are wrapped in (Dynamo 0.9 and later).
 * Source: interop notes, section D8; kv-verified notes, section 1.4.
 */
import { countOf, fieldsOf, protocolError, textOf, u64Of } from "./fields.ts";
import { pack, unpack, wholeNumber } from "./msgpack.ts";

/** On NATS this is the message; on ZMQ it is the last frame, behind five bytes. */
export interface EventEnvelope {
  readonly publisherId: bigint;
  /** Counts the messages of a publisher, from 0 on. */
  readonly sequence: number;
  /** Milliseconds since 1970. */
  readonly publishedAt: number;
  readonly topic: string;
  readonly payload: Uint8Array;
}

const ZMQ_VERSION = 1;
const ZMQ_HEAD_BYTES = 5;

/** Throws `protocol_error`. */
export function decodeEventEnvelope(bytes: Uint8Array): EventEnvelope {
  const envelope = fieldsOf(unpack(bytes, "Event envelope"), "Event envelope");
  const payload = envelope["payload"];
  if (!(payload instanceof Uint8Array)) throw protocolError("payload of an event envelope is not bytes");
  return {
    publisherId: u64Of(envelope["publisher_id"], "publisher_id"),
    sequence: countOf(envelope["sequence"], "sequence"),
    publishedAt: countOf(envelope["published_at"], "published_at"),
    topic: textOf(envelope["topic"], "topic"),
    payload,
  };
}

export function encodeEventEnvelope(envelope: EventEnvelope): Uint8Array {
  return pack({
    publisher_id: envelope.publisherId,
    sequence: wholeNumber(envelope.sequence),
    published_at: BigInt(envelope.publishedAt),
    topic: envelope.topic,
    payload: envelope.payload,
  });
}

/** The envelope in the last frame of a ZMQ message: version 1, its length in four bytes, the envelope. */
export function decodeZmqFrame(frame: Uint8Array): EventEnvelope {
  if (frame.length < ZMQ_HEAD_BYTES) throw protocolError(`An event frame has ${frame.length} bytes only`);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  if (view.getUint8(0) !== ZMQ_VERSION) throw protocolError(`Event frames of version ${view.getUint8(0)}`);
  const length = view.getUint32(1);
  const envelope = frame.subarray(ZMQ_HEAD_BYTES);
  if (length !== envelope.length) {
    throw protocolError(`An event frame says ${length} bytes and has ${envelope.length}`);
  }
  return decodeEventEnvelope(envelope);
}

export function encodeZmqFrame(envelope: EventEnvelope): Uint8Array {
  const bytes = encodeEventEnvelope(envelope);
  const frame = new Uint8Array(ZMQ_HEAD_BYTES + bytes.length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, ZMQ_VERSION);
  view.setUint32(1, bytes.length);
  frame.set(bytes, ZMQ_HEAD_BYTES);
  return frame;
}
