/**
 * The state that routers of Dynamo 0.7 leave for one another in the object `radix-state`: a list of `stored`
 * events with fixed widths, little-endian. Source: kv-verified notes, section 2.3.
 */
import type { KvEvent } from "../kv-event.ts";
import { protocolError } from "./fields.ts";

const STORED = 0;
/** A `stored` event with no parent and no blocks. */
const LEAST_EVENT_BYTES = 8 + 8 + 4 + 1 + 8 + 4;
const BLOCK_BYTES = 16;

/** Throws `protocol_error` for anything that isn't exactly one snapshot. */
export function decodeSnapshot(bytes: Uint8Array): KvEvent[] {
  const reader = new Reader(bytes);
  const count = reader.size(LEAST_EVENT_BYTES);
  const events = Array.from({ length: count }, () => readEvent(reader));
  if (reader.left > 0) throw protocolError(`A snapshot has ${reader.left} bytes too many`);
  return events;
}

/** Takes `stored` events only: those that `PrefixIndex.dump()` gives. */
export function encodeSnapshot(events: Iterable<KvEvent>): Uint8Array {
  const list = [...events];
  const size = list.reduce((sum, event) => sum + eventBytes(event), 8);
  const view = new DataView(new ArrayBuffer(size));
  view.setBigUint64(0, BigInt(list.length), true);
  let at = 8;
  for (const event of list) at = writeEvent(view, at, event);
  return new Uint8Array(view.buffer);
}

function readEvent(reader: Reader): KvEvent {
  const workerId = reader.u64();
  const eventId = Number(reader.u64());
  const variant = reader.u32();
  if (variant !== STORED) throw protocolError(`An event of kind ${variant} in a snapshot`);
  const parentHash = reader.u8() === 0 ? undefined : reader.u64();
  const count = reader.size(BLOCK_BYTES);
  const blockHashes = new BigUint64Array(count);
  const tokensHashes = new BigUint64Array(count);
  for (let at = 0; at < count; at++) {
    blockHashes[at] = reader.u64();
    tokensHashes[at] = reader.u64();
  }
  const dpRank = reader.u32();
  const parent = parentHash === undefined ? {} : { parentHash };
  return { workerId, dpRank, eventId, change: { kind: "stored", ...parent, blockHashes, tokensHashes } };
}

function eventBytes({ change }: KvEvent): number {
  if (change.kind !== "stored") throw new TypeError(`A snapshot can't hold a ${change.kind} event`);
  const parent = change.parentHash === undefined ? 0 : 8;
  return LEAST_EVENT_BYTES + parent + change.blockHashes.length * BLOCK_BYTES;
}

function writeEvent(view: DataView, start: number, { workerId, eventId, change, dpRank }: KvEvent): number {
  if (change.kind !== "stored") return start;
  let at = start;
  const u64 = (value: bigint): void => {
    view.setBigUint64(at, value, true);
    at += 8;
  };
  const u32 = (value: number): void => {
    view.setUint32(at, value, true);
    at += 4;
  };
  u64(workerId);
  u64(BigInt(eventId));
  u32(STORED);
  view.setUint8(at++, change.parentHash === undefined ? 0 : 1);
  if (change.parentHash !== undefined) u64(change.parentHash);
  u64(BigInt(change.blockHashes.length));
  for (const [index, hash] of change.blockHashes.entries()) {
    u64(hash);
    u64(change.tokensHashes[index] ?? 0n);
  }
  u32(dpRank);
  return at;
}

class Reader {
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get left(): number {
    return this.#view.byteLength - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  /** A number of things of at least this size, which have to fit into what is left. */
  size(leastBytes: number): number {
    const count = Number(this.u64());
    if (count * leastBytes > this.left)
      throw protocolError(`A snapshot ends early: ${count} entries announced`);
    return count;
  }

  #take(bytes: number): number {
    if (bytes > this.left) throw protocolError("A snapshot ends early");
    const at = this.#at;
    this.#at += bytes;
    return at;
  }
}
