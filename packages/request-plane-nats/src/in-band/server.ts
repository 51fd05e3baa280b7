/** Responses over NATS: the worker's side of all of them, whose callers are heard on one inbox. */
import { nuid } from "@nats-io/transport-node";
import type { Msg, NatsConnection, PermissionViolationError } from "@nats-io/transport-node";
import { asBuffer, RequestPlaneError, StreamWriter } from "@dynamo/request-plane-core";
import type { Logger } from "@dynamo/request-plane-core";
import type { Broker } from "../broker.ts";
import { encodeRefusal } from "../refusal.ts";
import { within } from "../within.ts";
import { decodeClose, encodeClose } from "./close-message.ts";
import { INITIAL_CREDIT, LAST_STREAM, tokenOf, WORKER_IDLE_MS } from "./frames.ts";
import { Heartbeat } from "./heartbeat.ts";
import { ProbedInbox } from "./probed-inbox.ts";
import { publish } from "./publish.ts";
import { ReplyConnector } from "./reply-connector.ts";
import type { ServerLinks } from "./reply-connector.ts";
import { ServerLink } from "./server-link.ts";
import { UnconfirmedBytes } from "./unconfirmed-bytes.ts";

/** Streams at the same time on one link. */
const MAX_STREAMS = 20_000;
/**
 * How replies begin that the server has renamed on their way from another account, which imports the endpoint: only
 * they themselves lead back there.
 */
const RENAMED = "_R_.";
/** How long the server may take to read our last words. */
const FAREWELL_MS = 1_000;

export class InBandServer implements ServerLinks {
  readonly #broker: Broker;
  readonly #intervalMs: number;
  readonly #logger: Logger;
  readonly #heartbeat: Heartbeat;
  /** By the last token of their subjects, and by the caller's inbox. */
  readonly #byToken = new Map<string, ServerLink>();
  readonly #byCaller = new Map<string, ServerLink>();
  #inbox: ProbedInbox | undefined;
  #unconfirmed: UnconfirmedBytes | undefined;

  constructor(intervalMs: number, broker: Broker, logger: Logger) {
    this.#intervalMs = intervalMs;
    this.#broker = broker;
    this.#logger = logger;
    this.#heartbeat = new Heartbeat(intervalMs, () => this.#beat());
  }

  /** Subscribes, unless that was done. Where permissions deny it, requests for in-band responses are declined. */
  async open(connection: NatsConnection): Promise<void> {
    if (this.#inbox?.connection === connection) return;
    const inbox = await ProbedInbox.open(connection, {
      onMessage: (token, message) => this.#onMessage(token, message),
      onDenied: (error) => this.#deny(error.message),
    });
    if (inbox) this.#inbox = inbox;
    else this.#deny("its own inbox");
  }

  /** The way to answer a request. */
  connectorFor(message: Msg): ReplyConnector {
    return new ReplyConnector(this, message);
  }

  lost(error: RequestPlaneError): void {
    for (const link of [...this.#byToken.values()]) this.#close(link, error);
  }

  /** Gives whether it was about a caller that may not be written to. */
  forbidden({ operation, subject, message }: PermissionViolationError): boolean {
    const link = operation === "publish" ? this.#byToken.get(tokenOf(subject)) : undefined;
    if (link?.subject !== subject) return false;
    const error = new RequestPlaneError("unavailable", `The worker may not answer: ${message}`);
    for (const { id } of link.streams.all()) {
      const { text, headers } = encodeRefusal(error, subject);
      if (this.#inbox)
        publish(this.#inbox.connection, `${link.prefix}.${id}`, Buffer.from(text), { headers });
    }
    this.#close(link, error);
    this.#deny(message);
    return true;
  }

  /** Writes what is there, and cuts off what still runs. */
  async close(): Promise<void> {
    const error = new RequestPlaneError("closed", "The NATS server of the request plane is closed");
    const connection = this.#byToken.size > 0 ? this.#broker.current : undefined;
    for (const link of [...this.#byToken.values()])
      this.#close(link, error, connection ? "the worker is closed" : undefined);
    this.#heartbeat.stop();
    if (connection) await within(FAREWELL_MS, connection.flush()).catch(() => undefined);
    this.#inbox?.close();
    this.#inbox = undefined;
  }

  /** See `ServerLinks`. */
  attach(reply: string): StreamWriter | undefined {
    const dot = reply.lastIndexOf(".");
    const id = Number(reply.slice(dot + 1));
    if (!this.#inbox || reply.startsWith(RENAMED) || !Number.isInteger(id) || id < 1 || id > LAST_STREAM)
      return undefined;
    const link = this.#linkTo(reply.slice(0, dot), this.#inbox);
    if (link.streams.get(id)) throw new RequestPlaneError("protocol_error", `Stream ${id} is open already`);
    if (link.streams.size >= MAX_STREAMS)
      throw new RequestPlaneError("overloaded", `${MAX_STREAMS} requests of one caller`);
    const stream = new StreamWriter(id, INITIAL_CREDIT, link);
    link.streams.add(stream);
    return stream;
  }

  #linkTo(prefix: string, { connection, prefix: own }: ProbedInbox): ServerLink {
    const known = this.#byCaller.get(prefix);
    if (known) return known;
    const token = `L${nuid.next()}`;
    const link = new ServerLink({
      ...{ connection, token, prefix, reply: `${own}.${token}`, intervalMs: this.#intervalMs },
      unconfirmed: (this.#unconfirmed ??= new UnconfirmedBytes(connection, () => this.#wake())),
    });
    this.#byToken.set(token, link);
    this.#byCaller.set(prefix, link);
    this.#heartbeat.start();
    return link;
  }

  #onMessage(token: string, message: Msg): void {
    const data = asBuffer(message.data);
    // Nothing at all is what the server answers when nobody listens to what we said.
    const farewell = data.length === 0 ? "gone" : decodeClose(data);
    const link = this.#byToken.get(token);
    if (!link) {
      if (farewell === undefined && message.reply && this.#inbox) {
        const close = encodeClose("it has no such link any more", this.#intervalMs);
        publish(this.#inbox.connection, message.reply, close);
      }
      return;
    }
    if (farewell !== undefined) {
      this.#close(link, disconnected(`The caller ended the responses: ${farewell}`));
      return;
    }
    try {
      link.input.push(data);
    } catch (thrown) {
      const error = RequestPlaneError.from(thrown, "protocol_error");
      this.#close(link, error, error.message);
    }
  }

  #beat(): void {
    for (const link of this.#byToken.values()) {
      if (link.streams.size > 0) this.#beatBusy(link);
      else {
        link.input.restart();
        link.idleBeats += 1;
        if (link.idleBeats * this.#intervalMs > WORKER_IDLE_MS)
          this.#close(link, disconnected("The link is idle"), "idle");
      }
    }
    if (this.#byToken.size === 0) this.#heartbeat.stop();
  }

  #beatBusy(link: ServerLink): void {
    link.idleBeats = 0;
    if (!link.input.isSilent(this.#intervalMs)) link.output.beat();
    else this.#close(link, disconnected("The caller is silent"), "silent");
  }

  #wake(): void {
    for (const link of this.#byToken.values()) link.wake();
  }

  #close(link: ServerLink, error: RequestPlaneError, why?: string): void {
    this.#byToken.delete(link.token);
    this.#byCaller.delete(link.prefix);
    link.close(error, why);
  }

  #deny(what: string): void {
    this.#inbox?.close();
    this.#inbox = undefined;
    this.#logger.warn(
      { what },
      "NATS permissions allow no responses over NATS; connections to callers are opened instead",
    );
  }
}

function disconnected(message: string): RequestPlaneError {
  return new RequestPlaneError("disconnected", message);
}
