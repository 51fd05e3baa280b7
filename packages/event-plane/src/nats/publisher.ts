import type { ChannelTransport } from "@dynamo/discovery";
import { encodeEventEnvelope } from "@dynamo/kv-router/wire";
import type { EventEnvelope } from "@dynamo/kv-router/wire";
import type { Logger } from "@dynamo/request-plane-core";
import type { NatsLink } from "@dynamo/request-plane-nats/connection";
import type { EnvelopePublisher } from "../transport.ts";

/** Publishes envelopes on `{prefix}.{topic}`. What is sent while the server is away is lost, and asked for later. */
export class NatsPublisher implements EnvelopePublisher {
  readonly address: ChannelTransport;
  readonly #subject: string;
  readonly #link: NatsLink;
  readonly #logger: Logger;
  #hasFailed = false;

  constructor(link: NatsLink, prefix: string, topic: string, logger: Logger) {
    this.#link = link;
    this.#subject = `${prefix}.${topic}`;
    this.#logger = logger;
    this.address = { kind: "Nats", config: { subject_prefix: prefix } };
  }

  send(envelope: EventEnvelope): void {
    try {
      this.#link.current?.publish(this.#subject, encodeEventEnvelope(envelope));
    } catch (error) {
      if (this.#hasFailed) return;
      this.#hasFailed = true;
      const why = String(error);
      this.#logger.warn({ subject: this.#subject, why }, `Events could not be sent: ${why}`);
    }
  }

  async close(): Promise<void> {
    await this.#link.current?.flush().catch(() => undefined);
  }
}
