/** Reads fields of decoded messages, and says which one is wrong. */
import { RequestPlaneError } from "@dynamo/request-plane-core";

export type Fields = Readonly<Record<string, unknown>>;

export function protocolError(message: string, cause?: unknown): RequestPlaneError {
  return new RequestPlaneError("protocol_error", message, { cause });
}

export function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw protocolError(`${what} is no object`);
}

export function listOf(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw protocolError(`${what} is no list`);
}

export function textOf(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  throw protocolError(`${what} is no text`);
}

/** A whole number from 0 on that a JavaScript number holds. */
export function countOf(value: unknown, what: string): number {
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number) && number >= 0) return number;
  throw protocolError(`${what} is ${String(value)}, no whole number from 0 to 2^53`);
}

export function optionalCount(value: unknown, what: string): number | undefined {
  return value === undefined || value === null ? undefined : countOf(value, what);
}

/** An unsigned 64-bit number. Some engines write hashes as signed ones, which stand for the same bits. */
export function u64Of(value: unknown, what: string): bigint {
  const number = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof number === "bigint" && BigInt.asUintN(64, number) === number) return number;
  if (typeof number === "bigint" && BigInt.asIntN(64, number) === number) return BigInt.asUintN(64, number);
  throw protocolError(`${what} is ${String(value)}, no number of 64 bits`);
}

export function hashesOf(value: unknown, what: string): BigUint64Array {
  const list = listOf(value, what);
  const hashes = new BigUint64Array(list.length);
  for (let at = 0; at < hashes.length; at++) hashes[at] = u64Of(list[at], what);
  return hashes;
}
