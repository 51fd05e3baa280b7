import { DeadlineQueue, LinkedList, RequestPlaneError } from "@dynamo/request-plane-core";
import type {
  InBandReceiver,
  InBandRequest,
  Logger,
  OutboundRequest,
  PlaneHealth,
  RequestPlaneClient,
} from "@dynamo/request-plane-core";
import { parseHttpAddress } from "./address.ts";
import type { HttpAddress } from "./address.ts";
import { lost, MAX_ATTEMPTS, noneTaken } from "./attempts.ts";
import { ConnectionPool } from "./connection-pool.ts";
import { Delivery } from "./delivery.ts";
import type { Unacknowledged } from "./delivery.ts";
import { InBandCall } from "./in-band/call.ts";
import type { CallHost, PostedRequest } from "./in-band/call.ts";
import { IN_BAND_TYPE, STOP_TYPE } from "./in-band/frames.ts";
import { keyIn, RequestEncoder } from "./in-band/request-body.ts";
import { headersOf } from "./post.ts";
import type { Reply } from "./post.ts";
import { refusalOf } from "./problem.ts";
import type { HttpSettings } from "./settings.ts";

/** Addresses that are kept parsed; discovery seldom shows more. */
const MAX_PARSED = 10_000;
/** How long a worker may take to close a stream on which it has said its last word. */
const CLOSING_MS = 1_000;

export class HttpClient implements RequestPlaneClient, CallHost {
  readonly #settings: HttpSettings;
  readonly #pools = new Map<string, ConnectionPool>();
  readonly #parsed = new Map<string, HttpAddress>();
  readonly #deliveries = new LinkedList<Delivery>();
  readonly #encoder = new RequestEncoder();
  /** See `CallHost`. */
  readonly logger: Logger;
  readonly calls = new LinkedList<InBandCall>();
  readonly acknowledging: DeadlineQueue<Unacknowledged>;
  readonly closing = new DeadlineQueue<InBandCall>(CLOSING_MS, (call) => call.cut());
  #closed = false;

  constructor(settings: HttpSettings, logger: Logger) {
    this.#settings = settings;
    this.logger = logger;
    const { requestTimeoutMs } = settings;
    this.acknowledging = new DeadlineQueue(requestTimeoutMs, (waiting) => waiting.expire(requestTimeoutMs));
  }

  deliver(request: OutboundRequest): Promise<void> {
    return this.#deliver(request, "application/octet-stream");
  }

  exchange(request: InBandRequest, receiver: InBandReceiver): void {
    if (this.#closed) throw closed();
    const { address } = request;
    const target = this.#parse(address);
    const body = this.#encoder.encode(request);
    this.#checkSize(body.length, address);
    const headers = headersOf(target, IN_BAND_TYPE, request.headers, body.length);
    new InBandCall({ address, origin: target.origin, headers, body }, receiver, this).start();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const one of [...this.#deliveries, ...this.calls]) one.fail(closed());
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

  stop({ address, body }: PostedRequest): Promise<void> {
    const key = keyIn(body);
    return this.#deliver({ address, headers: {}, envelope: [key], envelopeBytes: key.length }, STOP_TYPE);
  }

  async #deliver(request: OutboundRequest, contentType: string): Promise<void> {
    if (this.#closed) throw closed();
    const { address } = request;
    const target = this.#parse(address);
    this.#checkSize(request.envelopeBytes, address);
    const delivery = new Delivery(request, contentType);
    const place = this.#deliveries.add(delivery);
    const deadline = this.acknowledging.add(delivery);
    try {
      const { status, body } = await this.#send(target, delivery);
      if (status < 200 || status >= 300) throw refusalOf(status, body).with({ address });
    } finally {
      delivery.close();
      this.#deliveries.remove(place);
      this.acknowledging.delete(deadline);
    }
  }

  /** Only what the worker never looked at is sent again here; everything else is for the caller to decide. */
  async #send(target: HttpAddress, delivery: Delivery): Promise<Reply> {
    const { address } = delivery.request;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      delivery.throwIfFailed();
      const pool = this.poolOf(target.origin);
      const connection = pool.takePlace() ?? (await pool.waitForPlace(delivery));
      try {
        delivery.throwIfFailed();
        const outcome = await connection.post(target, delivery);
        if (outcome === "lost") throw lost(address, "before its acknowledgement");
        if (outcome !== "unprocessed") return outcome;
      } finally {
        pool.release(connection);
      }
    }
    throw noneTaken(address);
  }

  #parse(address: string): HttpAddress {
    const known = this.#parsed.get(address);
    if (known) return known;
    if (this.#parsed.size >= MAX_PARSED) this.#parsed.clear();
    const parsed = parseHttpAddress(address);
    this.#parsed.set(address, parsed);
    return parsed;
  }

  #checkSize(actual: number, address: string): void {
    const { maxMessageBytes: limit } = this.#settings;
    if (actual <= limit) return;
    const setting = "DYN_HTTP_MAX_MESSAGE_SIZE";
    const message = `The request has ${actual} bytes, the limit is ${limit} (${setting})`;
    throw new RequestPlaneError("payload_too_large", message, { facts: { actual, limit, address, setting } });
  }
}

function closed(): RequestPlaneError {
  return new RequestPlaneError("closed", "The HTTP client is closed");
}
