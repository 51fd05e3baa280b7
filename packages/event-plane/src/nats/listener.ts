import { setTimeout as sleep } from "node:timers/promises";
import type { EventChannelRecord } from "@dynamo/discovery";
import { decodeEventEnvelope } from "@dynamo/kv-router/wire";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Msg, NatsLink, Subscription } from "@dynamo/request-plane-nats/connection";
import type { EnvelopeListener, ListenerEvents } from "../transport.ts";

/** Between two attempts to connect for the first time. */
const RETRY_MS = 1_000;

interface Followed {
  readonly publishers: Set<bigint>;
  subscription?: Subscription;
}

/** One subscription for all publishers of a subject. */
export class NatsListener implements EnvelopeListener {
  readonly #link: NatsLink;
  readonly #topic: string;
  readonly #events: ListenerEvents;
  readonly #onClose: () => void;
  readonly #subjects = new Map<string, Followed>();
  readonly #closing = new AbortController();

  constructor(link: NatsLink, topic: string, events: ListenerEvents, onClose: () => void) {
    this.#link = link;
    this.#topic = topic;
    this.#events = events;
    this.#onClose = onClose;
  }

  add({ instance_id: id, transport }: EventChannelRecord): void {
    const subject = `${prefixOf(transport.config["subject_prefix"])}.${this.#topic}`;
    const known = this.#subjects.get(subject);
    if (known) {
      known.publishers.add(id);
      if (known.subscription) this.#events.onListening([id]);
      return;
    }
    const followed: Followed = { publishers: new Set([id]) };
    this.#subjects.set(subject, followed);
    void this.#follow(subject, followed);
  }

  remove({ instance_id: id, transport }: EventChannelRecord): void {
    const subject = `${String(transport.config["subject_prefix"])}.${this.#topic}`;
    const followed = this.#subjects.get(subject);
    if (!followed?.publishers.delete(id) || followed.publishers.size > 0) return;
    this.#subjects.delete(subject);
    followed.subscription?.unsubscribe();
  }

  /** The connection was lost and stands again, with its subscriptions. */
  restored(): void {
    for (const { publishers, subscription } of this.#subjects.values()) {
      if (subscription) this.#events.onListening([...publishers]);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const { subscription } of this.#subjects.values()) subscription?.unsubscribe();
    this.#subjects.clear();
    this.#onClose();
  }

  async #follow(subject: string, followed: Followed): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted && this.#subjects.get(subject) === followed) {
      try {
        const connection = await this.#link.connect();
        if (this.#subjects.get(subject) !== followed) return;
        const callback = (error: Error | null, message: Msg): void => this.#take(error, message);
        followed.subscription ??= connection.subscribe(subject, { callback });
        await connection.flush();
        this.#events.onListening([...followed.publishers]);
        return;
      } catch (error) {
        this.#events.onProblem(error instanceof Error ? error.message : String(error));
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #take(error: Error | null, message: Msg): void {
    try {
      if (error) throw error;
      this.#events.onEnvelope(decodeEventEnvelope(message.data));
    } catch (problem) {
      this.#events.onProblem(problem instanceof Error ? problem.message : String(problem));
    }
  }
}

/** Records come from strangers: no wildcards, and nothing of the server's own. */
function prefixOf(prefix: unknown): string {
  if (typeof prefix === "string" && /^[^\s\p{Cc}*>$.]+(\.[^\s\p{Cc}*>.]+)*$/u.test(prefix)) return prefix;
  throw new RequestPlaneError("protocol_error", `'${String(prefix)}' is no address of events over NATS`);
}
