import type { ChannelTransport } from "@dynamo/discovery";
import { encodeEventEnvelope } from "@dynamo/kv-router/wire";
import type { EventEnvelope } from "@dynamo/kv-router/wire";
import type { Logger } from "@dynamo/request-plane-core";
import type { NatsLink } from "@dynamo/request-plane-nats/connection";
import type { EnvelopePublisher } from "../transport.ts";

export interface NatsPublisherOptions {
  readonly link: NatsLink;
  readonly prefix: string;
  readonly topic: string;
  readonly onRestored: (() => void) | undefined;
  readonly onClose: () => void;
  readonly logger: Logger;
}

/** Publishes envelopes on `{prefix}.{topic}`. What is sent while the server is away is lost, and asked for later. */
export class NatsPublisher implements EnvelopePublisher {
  readonly address: ChannelTransport;
  readonly onRestored: (() => void) | undefined;
  readonly #options: NatsPublisherOptions;
  readonly #subject: string;
  #hasFailed = false;

  constructor(options: NatsPublisherOptions) {
    const { prefix, topic, onRestored } = options;
    this.#options = options;
    this.#subject = `${prefix}.${topic}`;
    this.onRestored = onRestored;
    this.address = { kind: "Nats", config: { subject_prefix: prefix } };
  }

  send(envelope: EventEnvelope): void {
    const { link, logger } = this.#options;
    try {
      link.current?.publish(this.#subject, encodeEventEnvelope(envelope));
    } catch (error) {
      if (this.#hasFailed) return;
      this.#hasFailed = true;
      const why = String(error);
      logger.warn({ subject: this.#subject, why }, `Events could not be sent: ${why}`);
    }
  }

  async close(): Promise<void> {
    const { link, onClose } = this.#options;
    onClose();
    await link.current?.flush().catch(() => undefined);
  }
}
