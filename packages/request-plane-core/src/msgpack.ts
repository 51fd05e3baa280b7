/**
 * MessagePack as a codec of payloads, the one that workers of Dynamo 1.4 and later advertise.
 *
 * Objects are maps with their field names as keys, as in Dynamo, and values are what JSON would make of them
 * (`toJSON` is asked, fields that are undefined are left out), but for what JSON has no word for:
 *
 * - A `Uint8Array` is binary, in both directions. One that is read is a view of what arrived.
 * - Whole numbers stay whole at any size. A `bigint` is written in full; a number that is read is a `bigint` only
 *   beyond 2^53.
 * - NaN and the infinities keep their value.
 *
 * Source: wire-protocol notes, section 1.3.
 */
import { Decoder, Encoder } from "@msgpack/msgpack";
import type { ExtensionCodecType } from "@msgpack/msgpack";
import { copyOf, hasToJson, mayHoldHalfCharacter, withNumbers } from "./msgpack-values.ts";
import { ARRAY_16, ARRAY_32, INT_64, refuseImpossibleSizes, UINT_64 } from "./msgpack-sizes.ts";
import type { PayloadCodec } from "./payload-codec.ts";

/** Levels of objects in objects, as many as Dynamo's reader takes. */
const MAX_DEPTH = 1024;

/** Thrown for a value that only a copy of can be encoded, which few are. */
const NEEDS_COPY = new Error("Only a copy of the value can be encoded");

/** Asked for whatever the library doesn't write by itself, and for every object. Dynamo has no extensions. */
const noExtensions: ExtensionCodecType<undefined> = {
  tryToEncode(value) {
    if (typeof value === "bigint" || hasToJson(value)) throw NEEDS_COPY;
    return null;
  },
  decode(_data, type) {
    throw new Error(`Extension type ${type} is unknown`);
  },
};

const options = { ignoreUndefined: true, maxDepth: MAX_DEPTH, extensionCodec: noExtensions };
const encoder = new Encoder(options);
/** Writes whole numbers beyond 32 bits as fractions, which Rust doesn't take for integers: copies have bigints. */
const copyEncoder = new Encoder({ ...options, useBigInt64: true });
const decoder = new Decoder({ extensionCodec: noExtensions });
const bigintDecoder = new Decoder({ extensionCodec: noExtensions, useBigInt64: true });

export const msgpack: PayloadCodec = {
  name: "msgpack",

  encode(value) {
    try {
      // The encoder writes into the same bytes again next time.
      const bytes = Buffer.from(encoder.encodeSharedRef(value));
      if (!mayHoldHalfCharacter(bytes)) return bytes;
    } catch (error) {
      if (error !== NEEDS_COPY) throw error;
    }
    return Buffer.from(copyEncoder.encodeSharedRef(copyOf(value)));
  },

  decode(bytes) {
    // The markers are also parts of other values: without them there is no such value for sure.
    if (bytes.includes(ARRAY_16) || bytes.includes(ARRAY_32)) refuseImpossibleSizes(bytes);
    // Binary values are parts of what is decoded, and shall not be Buffers.
    const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (!bytes.includes(UINT_64) && !bytes.includes(INT_64)) return decoder.decode(plain);
    return withNumbers(bigintDecoder.decode(plain));
  },
};
