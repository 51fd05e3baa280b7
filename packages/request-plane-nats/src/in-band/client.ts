/** Requests whose responses come back over NATS: the caller's side of all of them, on one inbox. */
import type { Msg, PermissionViolationError } from "@nats-io/transport-node";
import { DeadlineQueue, memoized, RequestPlaneError, StreamTable } from "@dynamo/request-plane-core";
import type { InBandReceiver, InBandRequest, Logger } from "@dynamo/request-plane-core";
import { permissionDenied, timedOut } from "../broker-errors.ts";
import type { Broker } from "../broker.ts";
import { checkRoom, checkSize, payloadLimit, PLANE_LIMIT } from "../limits.ts";
import { decodeReply, isDecline } from "../refusal.ts";
import { checkSubject } from "../subject.ts";
import { within } from "../within.ts";
import { ClientLinks } from "./client-links.ts";
import { ClientStream } from "./client-stream.ts";
import { isLinkToken, LAST_STREAM } from "./frames.ts";
import { OutgoingRequest } from "./outgoing-request.ts";
import { ProbedInbox } from "./probed-inbox.ts";

export interface InBandClientOptions {
  readonly requestTimeoutMs: number;
  /** Bytes of requests that may be without their acknowledgement. */
  readonly maxPendingBytes: number;
  /** How often a worker that answers in-band hears that we are there. */
  readonly heartbeatMs: number;
}

interface Waiting {
  readonly stream: ClientStream;
  readonly request: OutgoingRequest;
}

/** How long the server may take to read our last words. */
const FAREWELL_MS = 1_000;

export class InBandClient {
  readonly #options: InBandClientOptions;
  readonly #broker: Broker;
  readonly #logger: Logger;
  readonly #streams = new StreamTable<ClientStream>();
  readonly #checkSubject = memoized(checkSubject);
  readonly #links: ClientLinks;
  /** Streams whose request is out and not acknowledged. */
  readonly #unacknowledged: DeadlineQueue<ClientStream>;
  /** Requests that leave at the end of this tick, or when the inbox is open. */
  #outbox: Waiting[] = [];
  #inbox: ProbedInbox | undefined;
  #opening: Promise<void> | undefined;
  /** Permissions don't let responses through. */
  #isDenied = false;
  #isClosed = false;
  #lastStream = 0;
  /** Of requests that are not acknowledged. */
  #pendingBytes = 0;

  constructor(options: InBandClientOptions, broker: Broker, logger: Logger) {
    this.#options = options;
    this.#broker = broker;
    this.#logger = logger;
    this.#links = new ClientLinks({
      intervalMs: options.heartbeatMs,
      find: (id) => this.#streams.get(id),
      acknowledged: this.#acknowledged,
    });
    this.#unacknowledged = new DeadlineQueue(options.requestTimeoutMs, (stream) =>
      stream.fail(timedOut(stream.address, options.requestTimeoutMs)),
    );
  }

  /** Requests that are not acknowledged. */
  get pending(): number {
    return this.#unacknowledged.size + this.#outbox.length;
  }

  /** See `RequestPlaneClient.exchange`. */
  exchange(inBand: InBandRequest, receiver: InBandReceiver): void {
    if (this.#isClosed) throw new RequestPlaneError("closed", "The NATS client is closed");
    this.#checkSubject(inBand.address);
    const request = new OutgoingRequest(inBand);
    checkSize(request.bytes, PLANE_LIMIT);
    const { current } = this.#broker;
    if (current) checkSize(request.bytes, payloadLimit(current, this.#broker.shown));
    checkRoom(request.bytes, this.#pendingBytes, this.#options.maxPendingBytes);
    if (this.#isDenied) {
      receiver.declined();
      return;
    }
    const stream = new ClientStream(this.#nextStream(), request, receiver, this.#forget);
    this.#streams.add(stream);
    this.#pendingBytes += stream.bytes;
    const isFirst = this.#outbox.push({ stream, request }) === 1;
    receiver.connected(stream);
    if (!this.#inbox) this.#opening ??= this.#open();
    else if (isFirst) process.nextTick(this.#publishAll);
  }

  /** The connection broke: nothing that comes later belongs to what was before. */
  lost(error: RequestPlaneError): void {
    this.#inbox?.close();
    this.#inbox = undefined;
    this.#links.close(error);
    this.#failAll(error);
  }

  /** Gives whether it was about us. */
  forbidden({ operation, subject, message }: PermissionViolationError): boolean {
    if (operation !== "publish") return false;
    const error = permissionDenied(message);
    if (this.#links.forbidden(subject, error)) {
      this.#deny();
      return true;
    }
    for (const stream of this.#streams.all())
      if (stream.address === subject && !stream.link) stream.fail(error);
    return false;
  }

  /** Tells the workers of open streams, and ends them with `closed`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const error = new RequestPlaneError("closed", "The NATS client is closed");
    const connection = this.#streams.size > 0 ? this.#broker.current : undefined;
    const why = connection ? "the caller is closed" : undefined;
    this.#links.close(error, why);
    this.#failAll(error);
    if (connection && this.#inbox) {
      // Until the server knows that nobody listens here, workers may begin to answer: they are told so.
      await within(FAREWELL_MS, this.#inbox.drain()).catch(() => undefined);
      this.#links.close(error, why);
      await within(FAREWELL_MS, connection.flush()).catch(() => undefined);
    }
    this.lost(error);
    await this.#opening;
  }

  async #open(): Promise<void> {
    try {
      const connection = await this.#broker.connect();
      const inbox = await ProbedInbox.open(connection, {
        onMessage: (token, message) => this.#onMessage(token, message),
        onDenied: (error) => this.lost(permissionDenied(error.message)),
      });
      if (this.#isClosed || this.#broker.current !== connection) inbox?.close();
      else if (inbox) this.#inbox = inbox;
      else this.#deny();
    } catch (error) {
      this.#failAll(RequestPlaneError.from(error, "disconnected"));
    } finally {
      this.#opening = undefined;
    }
    this.#publishAll();
  }

  #deny(): void {
    if (!this.#isDenied)
      this.#logger.warn(
        { server: this.#broker.shown },
        "NATS permissions allow no responses over NATS; workers open connections for them instead",
      );
    this.#isDenied = true;
  }

  readonly #publishAll = (): void => {
    const outbox = this.#outbox;
    this.#outbox = [];
    for (const { stream, request } of outbox) {
      if (stream.isOver) continue;
      if (this.#inbox) this.#publish(this.#inbox, stream, request);
      else if (this.#isDenied) stream.decline();
      else stream.fail(new RequestPlaneError("disconnected", "The connection to NATS broke"));
    }
  };

  #publish({ connection, prefix }: ProbedInbox, stream: ClientStream, request: OutgoingRequest): void {
    try {
      checkSize(request.bytes, payloadLimit(connection, this.#broker.shown));
      stream.deadline = this.#unacknowledged.add(stream);
      request.publish(connection, `${prefix}.${stream.id}`);
    } catch (error) {
      stream.fail(RequestPlaneError.from(error, "disconnected"));
    }
  }

  #onMessage(token: string, message: Msg): void {
    if (!isLinkToken(token)) this.#onReply(Number(token), message);
    else if (this.#inbox) this.#links.onMessage(token, message, this.#inbox);
  }

  /** A worker that accepts answers on its link; this is a refusal, or the server's word that nobody is there. */
  #onReply(id: number, message: Msg): void {
    const stream = this.#streams.get(id);
    if (!stream || stream.link) return;
    if (isDecline(message)) stream.decline();
    else {
      const refusal = decodeReply(message, stream.address);
      if (refusal) stream.fail(refusal);
    }
  }

  #failAll(error: RequestPlaneError): void {
    this.#outbox = [];
    for (const stream of this.#streams.all()) stream.fail(error);
  }

  /** Numbers begin anew after the last one. */
  #nextStream(): number {
    do this.#lastStream = (this.#lastStream % LAST_STREAM) + 1;
    while (this.#streams.get(this.#lastStream));
    return this.#lastStream;
  }

  readonly #acknowledged = (stream: ClientStream): void => {
    if (stream.deadline) this.#unacknowledged.delete(stream.deadline);
    this.#pendingBytes -= stream.bytes;
  };

  readonly #forget = (stream: ClientStream): void => {
    if (!stream.link) this.#acknowledged(stream);
    this.#streams.delete(stream);
  };
}
