import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ExpiryQueue } from "@dynamo/request-plane-core";
import type { Exchange } from "./exchange.ts";

/** Who sends more than this, or slower, is answered while it sends. */
const MAX_DROPPED_BYTES = 256 * 1024;
const MAX_DROPPING_MS = 1_000;

export interface BodyBounds {
  readonly maxMessageBytes: number;
  readonly peerTimeoutMs: number;
}

/** Calls what it holds when a body takes longer than `peerTimeoutMs`. */
export type SlowBodies = ExpiryQueue<() => void>;

/**
 * The whole body. Rejects with `payload_too_large` as soon as that shows, with `deadline_exceeded`, or with
 * `disconnected` when the caller went away, however clean that looked.
 */
export function readBody(exchange: Exchange, bounds: BodyBounds, slow: SlowBodies): Promise<Buffer> {
  const { input, headers } = exchange;
  const declared = headers["content-length"] === undefined ? undefined : Number(headers["content-length"]);
  if (declared !== undefined && declared > bounds.maxMessageBytes)
    return Promise.reject(tooLarge(declared, bounds));
  exchange.proceed();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let settled = false;
    const settle = (): void => {
      settled = true;
      slow.delete(expire);
    };
    const fail = (error: RequestPlaneError): void => {
      settle();
      input.off("data", onData).off("end", onEnd).off("close", onClose);
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > bounds.maxMessageBytes) fail(tooLarge(length, bounds));
      else chunks.push(chunk);
    };
    const onEnd = (): void => {
      if (!exchange.isInputWhole || (declared !== undefined && declared !== length)) {
        fail(gone());
        return;
      }
      settle();
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    };
    // Listeners of a body that is whole are left where they are: the stream is at its end.
    const onClose = (): void => {
      if (!settled) fail(gone());
    };
    const expire = (): void => fail(tooSlow(bounds));
    slow.add(expire);
    input.on("data", onData).on("end", onEnd).on("close", onClose);
  });
}

/**
 * Reads and drops the rest of a request that is refused, within bounds, before it is answered: proxies and some
 * callers lose an answer that comes before they have sent everything.
 */
export async function dropRest({ input, headers }: Exchange): Promise<void> {
  const declared = Number(headers["content-length"] ?? 0);
  if (headers.expect !== undefined || declared > MAX_DROPPED_BYTES || input.destroyed) return;
  await new Promise<void>((resolve) => {
    let length = 0;
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > MAX_DROPPED_BYTES) done();
    };
    const done = (): void => {
      clearTimeout(timer);
      input.off("data", onData).off("end", done).off("close", done);
      resolve();
    };
    const timer = setTimeout(done, MAX_DROPPING_MS);
    input.on("data", onData).on("end", done).on("close", done);
    if (input.readableEnded) done();
  });
}

function gone(): RequestPlaneError {
  return new RequestPlaneError("disconnected", "The caller left before its request was whole");
}

function tooLarge(actual: number, { maxMessageBytes: limit }: BodyBounds): RequestPlaneError {
  const setting = "DYN_HTTP_MAX_MESSAGE_SIZE";
  const message = `The request has ${actual} bytes or more, the limit is ${limit} (${setting})`;
  return new RequestPlaneError("payload_too_large", message, { facts: { actual, limit, setting } });
}

function tooSlow({ peerTimeoutMs: limit }: BodyBounds): RequestPlaneError {
  const setting = "DYN_HTTP_PEER_TIMEOUT_SECS";
  return new RequestPlaneError("deadline_exceeded", `The request was not whole within ${limit} ms`, {
    facts: { limit, setting },
  });
}
