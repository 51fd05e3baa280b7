/** Damaged bytes, made from good ones by fast-check. */
import fc from "fast-check";

type Mutation = (bytes: Buffer) => Buffer;

/** Values that are wrong in a length field, as unsigned 64-bit numbers. */
const LENGTHS = [
  0n,
  1n,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 63n,
  2n ** 64n - 1n,
] as const;

/** Where length fields lie in a first frame of some kind, and anywhere else. */
const place = fc.oneof(fc.constantFrom(0, 2, 4, 8, 10, 16), fc.nat(0xffff));

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(fc.nat(0xffff), fc.nat(7)).map(([at, bit]) => flip(at, 1 << bit)),
  fc.tuple(place, fc.constantFrom(...LENGTHS), fc.constantFrom(2, 4, 8)).map(setLength),
  fc.tuple(fc.nat(0xffff), fc.uint8Array({ minLength: 1, maxLength: 24 })).map(insert),
  fc.nat(0xffff).map((at) => (bytes: Buffer) => bytes.subarray(0, at % (bytes.length + 1))),
  fc.tuple(fc.nat(0xffff), fc.nat(64)).map(remove),
  fc.tuple(fc.nat(0xffff), fc.nat(64)).map(repeat),
);

/** One of the good ones with up to four mutations, or, now and then, nothing but random bytes. */
export function damaged(good: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const mutated = fc
    .tuple(fc.constantFrom(...good), fc.array(mutation, { minLength: 1, maxLength: 4 }))
    .map(([bytes, mutations]) => mutations.reduce((result, mutate) => mutate(result), bytes));
  const random = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
  return fc.oneof({ arbitrary: mutated, weight: 19 }, { arbitrary: random, weight: 1 });
}

export const cuts = fc.array(fc.nat(0xffff), { maxLength: 6 });

function flip(at: number, bits: number): Mutation {
  return (bytes) => {
    if (bytes.length === 0) return bytes;
    const copy = Buffer.from(bytes);
    const offset = at % copy.length;
    copy.writeUInt8(copy.readUInt8(offset) ^ bits, offset);
    return copy;
  };
}

function setLength([at, value, width]: [number, bigint, number]): Mutation {
  return (bytes) => {
    if (bytes.length < width) return bytes;
    const copy = Buffer.from(bytes);
    const offset = at % (copy.length - width + 1);
    const field = Buffer.alloc(8);
    field.writeBigUInt64BE(value);
    field.copy(copy, offset, 8 - width);
    return copy;
  };
}

function insert([at, added]: [number, Uint8Array]): Mutation {
  return (bytes) => {
    const offset = at % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, offset), added, bytes.subarray(offset)]);
  };
}

function remove([at, length]: [number, number]): Mutation {
  return (bytes) => {
    const offset = at % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, offset), bytes.subarray(offset + length)]);
  };
}

function repeat([at, length]: [number, number]): Mutation {
  return (bytes) => {
    const offset = at % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, offset + length), bytes.subarray(offset)]);
  };
}
