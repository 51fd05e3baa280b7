import { createInbox } from "@nats-io/transport-node";
import type { Msg, MsgHdrs, NatsConnection, PermissionViolationError } from "@nats-io/transport-node";
import { RequestPlaneError } from "@dynamo/request-plane-core";
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
  readonly token: string;
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
  readonly #outbox: Outgoing[] = [];
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

  async deliver(request: OutboundRequest): Promise<void> {
    checkSubject(request.address);
    const encoded = encodeHeaders(request.headers);
    const bytes = encoded.bytes + request.envelopeBytes;
    checkSize(bytes, PLANE_LIMIT);
    const connection = this.#broker.current ?? (await this.#broker.connect());
    if (request.signal?.aborted) throw aborted(request.signal);
    checkSize(bytes, payloadLimit(connection, this.#broker.shown));
    checkRoom(bytes, this.#waiters.bytes, this.#options.maxPendingBytes);
    return this.#send(connection, request, encoded);
  }

  exchange(request: InBandRequest, receiver: InBandReceiver): void {
    this.#inBand.exchange(request, receiver);
  }

  async close(): Promise<void> {
    await this.#inBand.close();
    const closing = this.#broker.close();
    this.#fail(new RequestPlaneError("closed", "The NATS client is closed"));
    this.#inbox = undefined;
    await closing;
  }

  health(): PlaneHealth {
    return { connections: this.#broker.current ? 1 : 0, pending: this.#waiters.size + this.#inBand.pending };
  }

  #send(
    connection: NatsConnection,
    request: OutboundRequest,
    { headers, bytes }: EncodedHeaders,
  ): Promise<void> {
    const token = (this.#sent++).toString(36);
    const { address, envelopeBytes, signal } = request;
    const acknowledged = new Promise<void>((resolve, reject) => {
      this.#waiters.add(token, { subject: address, bytes: bytes + envelopeBytes, resolve, reject });
    });
    if (this.#outbox.push({ connection, token, request, headers }) === 1) {
      if (this.#waiters.size === 1) process.nextTick(this.#publishAll);
      else setImmediate(this.#publishAll);
    }
    return signal ? this.#abortable(acknowledged, token, signal) : acknowledged;
  }

  async #abortable(acknowledged: Promise<void>, token: string, signal: AbortSignal): Promise<void> {
    const abort = (): void => this.#waiters.take(token)?.reject(aborted(signal));
    signal.addEventListener("abort", abort);
    try {
      await acknowledged;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /**
   * The NATS client writes once for all that is published in one go: requests that were made since the event loop
   * last waited leave with one system call.
   */
  readonly #publishAll = (): void => {
    for (const message of this.#outbox.splice(0)) this.#publish(message);
  };

  #publish({ connection, token, request: { address, envelope }, headers }: Outgoing): void {
    // Aborted or failed meanwhile.
    if (!this.#waiters.has(token)) return;
    try {
      if (this.#broker.current !== connection) throw disconnected("cannot_connect", this.#broker.shown);
      const reply = `${this.#inboxOn(connection)}.${token}`;
      connection.publish(address, Buffer.concat(envelope), { reply, ...(headers && { headers }) });
    } catch (error) {
      const failure = RequestPlaneError.from(error, "disconnected").with({ address });
      this.#waiters.take(token)?.reject(failure);
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
    const waiter = this.#waiters.take(message.subject.slice(message.subject.lastIndexOf(".") + 1));
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

function aborted(signal: AbortSignal | undefined): RequestPlaneError {
  return new RequestPlaneError("cancelled", "The caller aborted the request", { cause: signal?.reason });
}
