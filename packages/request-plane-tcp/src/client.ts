import { memoized, RequestPlaneError } from "@dynamo/request-plane-core";
import type {
  InBandReceiver,
  InBandRequest,
  OutboundRequest,
  PlaneHealth,
  RequestPlaneClient,
} from "@dynamo/request-plane-core";
import { parseTcpAddress } from "./address.ts";
import type { TcpAddress } from "./address.ts";
import { abortedError, ConnectionPool } from "./connection-pool.ts";
import type { PoolOptions } from "./connection-pool.ts";
import { outputBuffers } from "./in-band/frame-output.ts";
import { InBandPool } from "./in-band/client-pool.ts";
import { INITIAL_CREDIT } from "./in-band/frames.ts";
import { requestBodyBytes } from "./in-band/request-body.ts";
import { encodeFrameHead, encodeHeaders } from "./request-frame.ts";

export interface TcpClientOptions extends PoolOptions {
  /** How long a connection may be unused. */
  readonly idleMs: number;
}

/** Path and headers have 65,535 bytes each at most. */
const MAX_HEAD_BYTES = 2 ** 18;
/** Larger envelopes are written piece by piece instead of being joined with the head. */
const JOIN_BYTES = 16 * 1024;

export class TcpClient implements RequestPlaneClient {
  readonly #options: TcpClientOptions;
  readonly #pools = new Map<string, ConnectionPool>();
  readonly #spare = outputBuffers();
  readonly #inBandPools = new Map<string, InBandPool>();
  readonly #parse = memoized(parseTcpAddress);
  #sweeper: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: TcpClientOptions) {
    this.#options = options;
  }

  deliver(request: OutboundRequest): Promise<void> {
    try {
      const { signal } = request;
      const sent = this.#send(request);
      return signal ? unlessAborted(sent, signal) : sent;
    } catch (error) {
      return Promise.reject(RequestPlaneError.from(error));
    }
  }

  exchange(request: InBandRequest, receiver: InBandReceiver): void {
    if (this.#closed) throw new RequestPlaneError("closed", "The TCP client is closed");
    const target = this.#parse(request.address);
    const headers = encodeHeaders(request.headers);
    const path = target.pathBytes;
    if (isLarge(request, this.#options.maxMessageBytes))
      this.#checkSize(requestBodyBytes(path, headers, request), request.address);
    this.#inBandPoolOf(target).send({ credit: INITIAL_CREDIT, path, headers }, request, receiver);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeper);
    for (const pool of this.#allPools()) pool.close();
    this.#pools.clear();
    this.#inBandPools.clear();
  }

  health(): PlaneHealth {
    const pools = this.#allPools();
    return {
      connections: pools.reduce((total, pool) => total + pool.size, 0),
      pending: pools.reduce((total, pool) => total + pool.pending, 0),
    };
  }

  #send({ address, headers, envelope, envelopeBytes, signal }: OutboundRequest): Promise<void> {
    if (this.#closed) throw new RequestPlaneError("closed", "The TCP client is closed");
    const target = this.#parse(address);
    const head = encodeFrameHead(target.path, headers, envelopeBytes);
    this.#checkSize(head.length + envelopeBytes, address);
    if (signal?.aborted) throw abortedError(signal);
    const pieces = [head, ...envelope];
    const frame = envelopeBytes > JOIN_BYTES ? pieces : [Buffer.concat(pieces)];
    return this.#poolOf(target).send(frame, signal);
  }

  #allPools(): (ConnectionPool | InBandPool)[] {
    return [...this.#pools.values(), ...this.#inBandPools.values()];
  }

  #checkSize(actual: number, address: string): void {
    const { maxMessageBytes: limit } = this.#options;
    if (actual <= limit) return;
    throw new RequestPlaneError(
      "payload_too_large",
      `The request has ${actual} bytes, the limit is ${limit} (DYN_TCP_MAX_MESSAGE_SIZE)`,
      { facts: { actual, limit, address, setting: "DYN_TCP_MAX_MESSAGE_SIZE" } },
    );
  }

  #poolOf(address: TcpAddress): ConnectionPool {
    const { authority } = address;
    return (
      this.#pools.get(authority) ??
      this.#keep(this.#pools, authority, new ConnectionPool(address, this.#options))
    );
  }

  #inBandPoolOf(address: TcpAddress): InBandPool {
    const { authority } = address;
    return (
      this.#inBandPools.get(authority) ??
      this.#keep(
        this.#inBandPools,
        authority,
        new InBandPool(address, { ...this.#options, spare: this.#spare }),
      )
    );
  }

  #keep<Pool>(pools: Map<string, Pool>, authority: string, pool: Pool): Pool {
    pools.set(authority, pool);
    this.#sweeper ??= setInterval(this.#sweep, Math.max(this.#options.idleMs / 2, 10)).unref();
    return pool;
  }

  readonly #sweep = (): void => {
    const since = performance.now() - this.#options.idleMs;
    for (const pools of [this.#pools, this.#inBandPools]) {
      for (const [authority, pool] of pools) {
        pool.closeIdle(since);
        if (pool.size === 0 && pool.pending === 0) pools.delete(authority);
      }
    }
    if (this.#pools.size + this.#inBandPools.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  };
}

/** Whether it could be over the limit, path and headers included, so that its bytes must be counted. */
function isLarge({ control, payload }: InBandRequest, limit: number): boolean {
  return 3 * (control.length + payload.length) + MAX_HEAD_BYTES > limit;
}

/** An abort ends the wait at once. The request keeps its place: its reply is still due, and is the next one. */
async function unlessAborted(sent: Promise<void>, signal: AbortSignal): Promise<void> {
  let abort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(abortedError(signal));
    signal.addEventListener("abort", abort);
  });
  try {
    await Promise.race([sent, aborted]);
  } finally {
    if (abort) signal.removeEventListener("abort", abort);
  }
}
