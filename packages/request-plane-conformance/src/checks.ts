/**
 * What cases say about results, over node:assert, so that the kit needs no test framework.
 */
import assert from "node:assert/strict";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ErrorCode, OutboundRequest, ResponseStream } from "@dynamo/request-plane-core";
import { within } from "./waiting.ts";

/** The error that the promise rejects with, which must be of this class and have one of these codes. */
export async function fails(
  promise: Promise<unknown>,
  ...codes: readonly ErrorCode[]
): Promise<RequestPlaneError> {
  const outcome = await within(
    `Failing with ${codes.join(" or ")}`,
    promise.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    ),
  );
  if (!("error" in outcome)) assert.fail(`Expected ${codes.join(" or ")}, but it succeeded`);
  const { error } = outcome;
  assert.ok(RequestPlaneError.is(error), `Expected a RequestPlaneError, got ${String(error)}`);
  assert.ok(
    codes.includes(error.code),
    `Expected ${codes.join(" or ")}, got ${error.code}: ${error.message}`,
  );
  return error;
}

/** All items of a response, read to its end. */
export async function collect<T>(call: AsyncIterable<T> | Promise<ResponseStream<T>>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of await call) items.push(item);
  return items;
}

/** The only item of a response. */
export async function single<T>(call: Promise<ResponseStream<T>>): Promise<T> {
  const [item, ...others] = await collect(call);
  assert.equal(others.length, 0, "There are more items than one");
  return item as T;
}

/** Items up to the error that ends the response. */
export async function collectUntilError<T>(
  call: Promise<ResponseStream<T>>,
): Promise<{ items: T[]; error: unknown }> {
  const items: T[] = [];
  try {
    for await (const item of await call) items.push(item);
  } catch (error) {
    return { items, error };
  }
  return assert.fail(`The response ended cleanly after ${items.length} items`);
}

/** Bytes that are the same each time, in which no two stretches look alike for long. */
export function bytesOf(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** A request for the raw contract. */
export function outbound(
  address: string,
  envelope: Uint8Array | readonly Uint8Array[] = bytesOf(32),
  rest: Partial<Pick<OutboundRequest, "headers" | "signal">> = {},
): OutboundRequest {
  const pieces = envelope instanceof Uint8Array ? [envelope] : envelope;
  const envelopeBytes = pieces.reduce((sum, { length }) => sum + length, 0);
  return { address, headers: {}, envelope: pieces, envelopeBytes, ...rest };
}

export function assertBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  assert.ok(actual, "Nothing arrived");
  assert.equal(actual.length, expected.length, "The number of bytes changed");
  assert.ok(Buffer.from(actual).equals(expected), "The bytes changed");
}
