/** The caller's ends of all links, by the token in the subject of their messages. */
import type { Msg } from "@nats-io/transport-node";
import { asBuffer, RequestPlaneError } from "@dynamo/request-plane-core";
import { ClientLink } from "./client-link.ts";
import type { ClientLinkOptions } from "./client-link.ts";
import { decodeClose } from "./close-message.ts";
import { CALLER_IDLE_MS } from "./frames.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { ProbedInbox } from "./probed-inbox.ts";

export type ClientLinksOptions = Pick<ClientLinkOptions, "intervalMs" | "find" | "acknowledged">;

export class ClientLinks {
  readonly #options: ClientLinksOptions;
  readonly #links = new Map<string, ClientLink>();
  readonly #heartbeat: Heartbeat;

  constructor(options: ClientLinksOptions) {
    this.#options = options;
    this.#heartbeat = new Heartbeat(options.intervalMs, () => this.#beat());
  }

  onMessage(token: string, message: Msg, inbox: ProbedInbox): void {
    const data = asBuffer(message.data);
    const known = this.#links.get(token);
    // Nothing at all is what the server answers when nobody listens to what we said.
    const farewell = data.length === 0 ? "it is gone" : decodeClose(data);
    if (farewell !== undefined) {
      if (known) this.#break(token, known, disconnected(`The worker ended the response: ${farewell}`));
      return;
    }
    const link = known ?? this.#open(token, message, inbox);
    try {
      link.input.push(data);
      // The worker learns how often we are heard.
      if (!known) link.output.beat();
    } catch (thrown) {
      if (!known) adopt(link, data);
      const error = RequestPlaneError.from(thrown, "protocol_error");
      this.#break(token, link, error, error.message);
    }
  }

  /** Breaks the link whose worker may not be written to. Gives whether there is one. */
  forbidden(subject: string, error: RequestPlaneError): boolean {
    const found = [...this.#links].find(([, link]) => link.subject === subject);
    if (found) this.#break(...found, error);
    return found !== undefined;
  }

  /** Ends all links. With a reason, workers are told. */
  close(error: RequestPlaneError, why?: string): void {
    for (const [token, link] of this.#links) this.#break(token, link, error, why);
    this.#heartbeat.stop();
  }

  #open(token: string, message: Msg, { connection, prefix }: ProbedInbox): ClientLink {
    const reply = `${prefix}.${token}`;
    const link = new ClientLink({ ...this.#options, connection, subject: message.reply ?? "", reply });
    this.#links.set(token, link);
    this.#heartbeat.start();
    return link;
  }

  #beat(): void {
    const { intervalMs } = this.#options;
    for (const [token, link] of this.#links) {
      if (link.streams.size > 0) this.#beatBusy(token, link);
      else {
        link.input.restart();
        link.idleBeats += 1;
        if (link.idleBeats * intervalMs > CALLER_IDLE_MS) this.#links.delete(token);
      }
    }
    if (this.#links.size === 0) this.#heartbeat.stop();
  }

  #beatBusy(token: string, link: ClientLink): void {
    link.idleBeats = 0;
    if (!link.input.isSilent(this.#options.intervalMs)) link.output.beat();
    else this.#break(token, link, disconnected("Nothing came from the worker for too long"), "silent");
  }

  /** Ends a link and its streams. With a reason, the worker is told. */
  #break(token: string, link: ClientLink, error: RequestPlaneError, why?: string): void {
    this.#links.delete(token);
    link.close(why);
    for (const stream of link.streams) stream.fail(error);
  }
}

function adopt(link: ClientLink, message: Buffer): void {
  try {
    link.adopt(message);
  } catch {
    // As far as it could be read.
  }
}

function disconnected(message: string): RequestPlaneError {
  return new RequestPlaneError("disconnected", message);
}
