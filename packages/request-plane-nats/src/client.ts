import { createInbox } from "@nats-io/transport-node";
import type { Msg, MsgHdrs, NatsConnection, PermissionViolationError } from "@nats-io/transport-node";
import { memoized, RequestPlaneError } from "@dynamo/request-plane-core";
import type {
  InBandReceiver,
  InBandRequest,
  Logger,
  OutboundRequest,
  PlaneHealth,
  RequestPlaneClient,
} from "@dynamo/request-plane-core";
import { disconnected, permissionDenied, timedOut } from "./broker-errors.ts";
import { Broker } from "./broker.ts";
import type { BrokerOptions } from "./broker.ts";
import { InBandClient } from "./in-band/client.ts";
import type { InBandClientOptions } from "./in-band/client.ts";
import { tokenOf } from "./in-band/frames.ts";
import { checkRoom, checkSize, payloadLimit, PLANE_LIMIT } from "./limits.ts";
import { encodeHeaders } from "./message-headers.ts";
import type { EncodedHeaders } from "./message-headers.ts";
import { decodeReply } from "./refusal.ts";
import { checkSubject } from "./subject.ts";
import { Waiters } from "./waiters.ts";
import type { Waiter } from "./waiters.ts";

export type NatsClientOptions = BrokerOptions & InBandClientOptions;

/** A request that leaves at the end of this turn of the event loop. */
interface Outgoing {
  readonly connection: NatsConnection;
  readonly id: number;
  readonly request: OutboundRequest;
  readonly headers: MsgHdrs | undefined;
}

/** Publishes requests and waits for their replies, all on one inbox of one connection. */
export class NatsClient implements RequestPlaneClient {
  readonly #options: NatsClientOptions;
  readonly #broker: Broker;
  readonly #waiters: Waiters;
  readonly #inBand: InBandClient;
  /** Where replies come in, and the connection on which it is subscribed. */
  #inbox: { readonly connection: NatsConnection; readonly prefix: string } | undefined;
  #outbox: Outgoing[] = [];
  readonly #checkSubject = memoized(checkSubject);
  #sent = 0;

  constructor(options: NatsClientOptions, logger: Logger) {
    this.#options = options;
    this.#broker = new Broker(options, logger, {
      onLost: (error) => {
        this.#fail(error);
        this.#inBand.lost(error);
      },
      onForbidden: (violation) => this.#forbidden(violation),
    });
    this.#waiters = new Waiters(options.requestTimeoutMs, ({ subject, reject }) =>
      reject(timedOut(subject, options.requestTimeoutMs)),
    );
    this.#inBand = new InBandClient(options, this.#broker, logger);
  }

  deliver(request: OutboundRequest): Promise<void> {
    try {
      this.#checkSubject(request.address);
      const headers = encodeHeaders(request.headers);
      checkSize(headers.bytes + request.envelopeBytes, PLANE_LIMIT);
      const { current } = this.#broker;
      if (current) return this.#send(current, request, headers);
      return this.#broker.connect().then((connection) => this.#send(connection, request, headers));
    } catch (error) {
      return Promise.reject(RequestPlaneError.from(error));
    }
  }

  exchange(request: InBandRequest, receiver: InBandReceiver): void {
    this.#inBand.exchange(request, receiver);
  }

  async close(): Promise<void> {
    await this.#inBand.close();
    const closing = this.#broker.close();
    this.#fail(new RequestPlaneError("closed", "The NATS client is closed"));
    this.#waiters.close();
    this.#inbox = undefined;
    await closing;
  }

  health(): PlaneHealth {
    return { connections: this.#broker.current ? 1 : 0, pending: this.#waiters.size + this.#inBand.pending };
  }

  #send(
    connection: NatsConnection,
    request: OutboundRequest,
    { headers, bytes: headerBytes }: EncodedHeaders,
  ): Promise<void> {
    const { address, envelopeBytes, signal } = request;
    if (signal?.aborted) throw aborted(signal);
    const bytes = headerBytes + envelopeBytes;
    checkSize(bytes, payloadLimit(connection, this.#broker.shown));
    checkRoom(bytes, this.#waiters.bytes, this.#options.maxPendingBytes);
    const id = (this.#sent += 1);
    const acknowledged = new Promise<void>((resolve, reject) => {
      this.#waiters.add({ id, subject: address, bytes, resolve, reject, deadline: undefined });
    });
    this.#publishSoon({ connection, id, request, headers });
    return signal ? this.#abortable(acknowledged, id, signal) : acknowledged;
  }

  async #abortable(acknowledged: Promise<void>, id: number, signal: AbortSignal): Promise<void> {
    const abort = (): void => this.#waiters.take(id)?.reject(aborted(signal));
    signal.addEventListener("abort", abort);
    try {
      await acknowledged;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /**
   * The NATS client writes once for all that is published in one go: while others wait for their replies, requests
   * that were made since the event loop last waited leave with one system call. One that is alone leaves now.
   */
  #publishSoon(message: Outgoing): void {
    if (this.#outbox.push(message) > 1) return;
    if (this.#waiters.size === 1) process.nextTick(this.#publishAll);
    else setImmediate(this.#publishAll);
  }

  readonly #publishAll = (): void => {
    const outbox = this.#outbox;
    this.#outbox = [];
    for (const message of outbox) this.#publish(message);
  };

  #publish({ connection, id, request: { address, envelope }, headers }: Outgoing): void {
    // Aborted or failed meanwhile.
    if (!this.#waiters.has(id)) return;
    try {
      if (this.#broker.current !== connection) throw disconnected("cannot_connect", this.#broker.shown);
      const reply = `${this.#inboxOn(connection)}.${id}`;
      const [first = NOTHING] = envelope;
      const data = envelope.length > 1 ? Buffer.concat(envelope) : first;
      connection.publish(address, data, { reply, ...(headers && { headers }) });
    } catch (error) {
      const failure = RequestPlaneError.from(error, "disconnected").with({ address });
      this.#waiters.take(id)?.reject(failure);
    }
  }

  #inboxOn(connection: NatsConnection): string {
    if (this.#inbox?.connection === connection) return this.#inbox.prefix;
    const prefix = createInbox();
    connection.subscribe(`${prefix}.*`, { callback: this.#onReply });
    this.#inbox = { connection, prefix };
    return prefix;
  }

  readonly #onReply = (error: Error | null, message: Msg): void => {
    if (error) return;
    const waiter = this.#waiters.take(Number(tokenOf(message.subject)));
    if (!waiter) return;
    const refusal = decodeReply(message, waiter.subject);
    if (refusal) waiter.reject(refusal);
    else waiter.resolve();
  };

  #fail(error: RequestPlaneError, waiters: readonly Waiter[] = this.#waiters.takeAll()): void {
    for (const { subject, reject } of waiters) reject(error.with({ address: subject }));
  }

  /** Without the inbox no reply can come; it is subscribed anew for the next request. */
  #forbidden(violation: PermissionViolationError): boolean {
    const { operation, subject, message } = violation;
    if (this.#inBand.forbidden(violation)) return true;
    const isInbox = operation === "subscription" && subject === `${this.#inbox?.prefix ?? ""}.*`;
    if (isInbox) this.#inbox = undefined;
    else if (operation === "subscription") return false;
    this.#fail(permissionDenied(message), this.#waiters.takeAll(isInbox ? undefined : subject));
    return false;
  }
}

const NOTHING: Uint8Array = new Uint8Array();

function aborted(signal: AbortSignal | undefined): RequestPlaneError {
  return new RequestPlaneError("cancelled", "The caller aborted the request", { cause: signal?.reason });
}
