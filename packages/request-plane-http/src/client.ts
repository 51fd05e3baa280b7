import { ExpiryQueue, RequestPlaneError } from "@dynamo/request-plane-core";
import type { OutboundRequest, PlaneHealth, RequestPlaneClient } from "@dynamo/request-plane-core";
import { parseHttpAddress } from "./address.ts";
import type { HttpAddress } from "./address.ts";
import { ConnectionPool } from "./connection-pool.ts";
import { Delivery } from "./delivery.ts";
import type { Reply } from "./post.ts";
import { refusalOf } from "./problem.ts";
import type { HttpSettings } from "./settings.ts";

/** Addresses that are kept parsed; discovery seldom shows more. */
const MAX_PARSED = 10_000;
/** How often a request is sent that the worker says it never looked at. */
const MAX_ATTEMPTS = 3;

export class HttpClient implements RequestPlaneClient {
  readonly #settings: HttpSettings;
  readonly #pools = new Map<string, ConnectionPool>();
  readonly #parsed = new Map<string, HttpAddress>();
  readonly #deliveries = new Set<Delivery>();
  readonly #late: ExpiryQueue<Delivery>;
  #closed = false;

  constructor(settings: HttpSettings) {
    this.#settings = settings;
    const { requestTimeoutMs } = settings;
    this.#late = new ExpiryQueue(requestTimeoutMs, (delivery) => delivery.expire(requestTimeoutMs));
  }

  async deliver(request: OutboundRequest): Promise<void> {
    if (this.#closed) throw closed();
    const { address } = request;
    const target = this.#parse(address);
    this.#checkSize(request);
    const delivery = new Delivery(request);
    this.#deliveries.add(delivery);
    this.#late.add(delivery);
    try {
      const { status, body } = await this.#send(target, delivery);
      if (status < 200 || status >= 300) throw refusalOf(status, body).with({ address });
    } finally {
      delivery.close();
      this.#deliveries.delete(delivery);
      this.#late.delete(delivery);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const delivery of this.#deliveries) delivery.fail(closed());
    this.#late.clear();
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }

  health(): PlaneHealth {
    const connections = [...this.#pools.values()].reduce((total, pool) => total + pool.size, 0);
    return { connections, pending: this.#deliveries.size };
  }

  /** Only what the worker never looked at is sent again here; everything else is for the caller to decide. */
  async #send({ origin, path }: HttpAddress, delivery: Delivery): Promise<Reply> {
    const { address } = delivery.request;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      delivery.throwIfFailed();
      const pool = this.#poolOf(origin);
      const connection = pool.takePlace() ?? (await pool.waitForPlace(delivery));
      try {
        delivery.throwIfFailed();
        const outcome = await connection.post(path, delivery);
        if (outcome === "lost") throw lost(address);
        if (outcome !== "unprocessed") return outcome;
      } finally {
        pool.release(connection);
      }
    }
    throw new RequestPlaneError("unavailable", `${address} took none of ${MAX_ATTEMPTS} attempts`, {
      facts: { address },
    });
  }

  #poolOf(origin: string): ConnectionPool {
    let pool = this.#pools.get(origin);
    if (!pool) {
      pool = new ConnectionPool(origin, this.#settings, () => this.#pools.delete(origin));
      this.#pools.set(origin, pool);
    }
    return pool;
  }

  #parse(address: string): HttpAddress {
    const known = this.#parsed.get(address);
    if (known) return known;
    if (this.#parsed.size >= MAX_PARSED) this.#parsed.clear();
    const parsed = parseHttpAddress(address);
    this.#parsed.set(address, parsed);
    return parsed;
  }

  #checkSize({ envelopeBytes: actual, address }: OutboundRequest): void {
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

function lost(address: string): RequestPlaneError {
  const message = `Lost the connection to ${address} before its acknowledgement`;
  return new RequestPlaneError("disconnected", message, { facts: { address } });
}
