import { Decoder, Encoder } from "@msgpack/msgpack";
import { protocolError } from "./fields.ts";

const decoder = new Decoder({ useBigInt64: true });
const encoder = new Encoder({ useBigInt64: true });

/** A value whose 64-bit numbers are `bigint`. Throws `protocol_error`. */
export function unpack(bytes: Uint8Array, what: string): unknown {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw protocolError(`${what} are no msgpack`, error);
  }
}

export function pack(value: unknown): Uint8Array {
  return encoder.encode(value);
}

/** For `pack`, which writes numbers beyond 32 bits as fractions: Rust doesn't take those for integers. */
export function wholeNumber(value: number): number | bigint {
  return value > 0xffff_ffff ? BigInt(value) : value;
}
