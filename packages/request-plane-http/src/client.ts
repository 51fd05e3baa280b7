import { DeadlineQueue, LinkedList, memoized, RequestPlaneError } from "@dynamo/request-plane-core";
import type {
  InBandReceiver,
  InBandRequest,
  Logger,
  OutboundRequest,
  PlaneHealth,
  RequestPlaneClient,
} from "@dynamo/request-plane-core";
import { parseHttpAddress } from "./address.ts";
import { ConnectionPool } from "./connection-pool.ts";
import { Delivery } from "./delivery.ts";
import { InBandCall } from "./in-band/call.ts";
import type { CallHost } from "./in-band/call.ts";
import { IN_BAND_TYPE, STOP_TYPE } from "./in-band/frames.ts";
import { RequestEncoder } from "./in-band/request-body.ts";
import type { Post, PostTarget } from "./post.ts";
import { headersOf } from "./post-headers.ts";
import type { HttpSettings } from "./settings.ts";

/** How long a worker may take to close a stream on which it has said its last word. */
const CLOSING_MS = 1_000;

export class HttpClient implements RequestPlaneClient, CallHost {
  readonly #settings: HttpSettings;
  readonly #pools = new Map<string, ConnectionPool>();
  readonly #parse = memoized(parseHttpAddress);
  readonly #encoder = new RequestEncoder();
  /** See `CallHost` and `PostHost`. */
  readonly logger: Logger;
  readonly posts = new LinkedList<Post>();
  readonly acknowledging: DeadlineQueue<Post>;
  readonly closing = new DeadlineQueue<Post>(CLOSING_MS, (post) => post.cut());
  #closed = false;

  constructor(settings: HttpSettings, logger: Logger) {
    this.#settings = settings;
    this.logger = logger;
    const { requestTimeoutMs } = settings;
    this.acknowledging = new DeadlineQueue(requestTimeoutMs, (post) => post.expire(requestTimeoutMs));
  }

  deliver(request: OutboundRequest): Promise<void> {
    return this.#deliver(request, "application/octet-stream");
  }

  exchange(request: InBandRequest, receiver: InBandReceiver): void {
    const body = this.#encoder.encode(request);
    const target = this.#target(request, IN_BAND_TYPE, body.length);
    new InBandCall(body, target, this, receiver).start();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const post of this.posts) post.fail(closed());
    this.acknowledging.clear();
    this.closing.clear();
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }

  health(): PlaneHealth {
    const connections = [...this.#pools.values()].reduce((total, pool) => total + pool.size, 0);
    return { connections, pending: this.acknowledging.size };
  }

  poolOf(origin: string): ConnectionPool {
    let pool = this.#pools.get(origin);
    if (!pool) {
      pool = new ConnectionPool(origin, this.#settings, () => this.#pools.delete(origin));
      this.#pools.set(origin, pool);
    }
    return pool;
  }

  stop(address: string, key: Buffer): Promise<void> {
    return this.#deliver({ address, headers: {}, envelope: [key], envelopeBytes: key.length }, STOP_TYPE);
  }

  #deliver(request: OutboundRequest, contentType: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const target = this.#target(request, contentType, request.envelopeBytes);
      new Delivery(request, target, this, { resolve, reject }).start();
    });
  }

  #target({ address, headers }: Addressed, contentType: string, bodyBytes: number): PostTarget {
    if (this.#closed) throw closed();
    const parsed = this.#parse(address);
    this.#checkSize(bodyBytes, address);
    return { address, origin: parsed.origin, headers: headersOf(parsed, contentType, headers, bodyBytes) };
  }

  #checkSize(actual: number, address: string): void {
    const { maxMessageBytes: limit } = this.#settings;
    if (actual <= limit) return;
    const setting = "DYN_HTTP_MAX_MESSAGE_SIZE";
    const message = `The request has ${actual} bytes, the limit is ${limit} (${setting})`;
    throw new RequestPlaneError("payload_too_large", message, { facts: { actual, limit, address, setting } });
  }
}

type Addressed = Pick<OutboundRequest, "address" | "headers">;

function closed(): RequestPlaneError {
  return new RequestPlaneError("closed", "The HTTP client is closed");
}
