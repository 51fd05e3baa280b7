import { eventChannelRecord } from "@dynamo/discovery";
import type { Discovery, EndpointName, Registration } from "@dynamo/request-plane-core";
import { randomPublisherId } from "./topics.ts";
import type { EnvelopePublisher, EventTransport } from "./transport.ts";

export interface ChannelOptions {
  readonly discovery: Discovery;
  readonly transport: EventTransport;
  readonly endpoint: EndpointName;
  readonly topic: string;
  /** What was published for a while was dropped, and what is published now is not. */
  readonly onRestored?: () => void;
}

/** One publisher of one topic, which discovery shows for as long as it is open. */
export class Channel {
  readonly publisherId: bigint;
  readonly #topic: string;
  readonly #publisher: EnvelopePublisher;
  readonly #registration: Registration;
  #sequence = 0;

  private constructor(
    publisherId: bigint,
    topic: string,
    publisher: EnvelopePublisher,
    registration: Registration,
  ) {
    this.publisherId = publisherId;
    this.#topic = topic;
    this.#publisher = publisher;
    this.#registration = registration;
  }

  static async open({ discovery, transport, endpoint, topic, onRestored }: ChannelOptions): Promise<Channel> {
    const publisherId = randomPublisherId();
    const publisher = await transport.publisher(endpoint, topic, onRestored);
    try {
      const record = eventChannelRecord({ endpoint, topic, publisherId }, publisher.address);
      return new Channel(publisherId, topic, publisher, await discovery.register(record));
    } catch (error) {
      await publisher.close();
      throw error;
    }
  }

  publish(payload: Uint8Array): void {
    const { publisherId } = this;
    const sequence = this.#sequence++;
    this.#publisher.send({ publisherId, sequence, publishedAt: Date.now(), topic: this.#topic, payload });
  }

  async close(): Promise<void> {
    try {
      await this.#registration.unregister();
    } finally {
      await this.#publisher.close();
    }
  }
}
