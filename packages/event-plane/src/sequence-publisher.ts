import type { SequenceEvent } from "@dynamo/kv-router";
import { encodeSequenceEvent, encodeSequenceEvents } from "@dynamo/kv-router/wire";
import type { Channel } from "./channel.ts";

/** How long events about requests are gathered, as in Dynamo. */
const GATHER_MS = 1;

/** Tells other routers about requests: in lists, or one event a message where `maxEvents` is 1. */
export class SequencePublisher {
  readonly #channel: Channel;
  readonly #maxEvents: number;
  #batch: SequenceEvent[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(channel: Channel, maxEvents: number) {
    this.#channel = channel;
    this.#maxEvents = maxEvents;
  }

  get publisherId(): bigint {
    return this.#channel.publisherId;
  }

  publish(event: SequenceEvent): void {
    if (this.#maxEvents === 1) {
      this.#channel.publish(encodeSequenceEvent(event));
      return;
    }
    this.#batch.push(event);
    if (this.#batch.length >= this.#maxEvents) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  async close(): Promise<void> {
    this.#flush();
    await this.#channel.close();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#batch.length > 0) this.#channel.publish(encodeSequenceEvents(this.#batch));
    this.#batch = [];
  }
}
