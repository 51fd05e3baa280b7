import type { EventChannelRecord } from "@dynamo/discovery";
import { decodeZmqFrame } from "@dynamo/kv-router/wire";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { Subscriber } from "zeromq";
import type { EnvelopeListener, ListenerEvents } from "../transport.ts";
import { HIGH_WATER_MARK } from "./limits.ts";

/** How long a lost connection waits before it is made again, in milliseconds, and at most. */
const RECONNECT_MS = 100;
const LONGEST_RECONNECT_MS = 2_000;
/** A peer that says nothing for so long, not even that it is there, is connected to again. */
const HEARTBEAT_MS = 5_000;
/** The subscription is on its way when the connection stands, and counts a moment later. */
const SUBSCRIBED_MS = 50;

/** One SUB socket with a connection to each channel. */
export class ZmqListener implements EnvelopeListener {
  readonly #topic: string;
  readonly #events: ListenerEvents;
  readonly #socket = new Subscriber({
    linger: 0,
    receiveHighWaterMark: HIGH_WATER_MARK,
    reconnectInterval: RECONNECT_MS,
    reconnectMaxInterval: LONGEST_RECONNECT_MS,
    heartbeatInterval: HEARTBEAT_MS,
    heartbeatTimeout: 2 * HEARTBEAT_MS,
    ipv6: true,
  });
  /** Publishers by their address. */
  readonly #publishers = new Map<string, Set<bigint>>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #receiving: Promise<void>;

  constructor(topic: string, events: ListenerEvents) {
    this.#topic = topic;
    this.#events = events;
    this.#socket.events.on("handshake", ({ address }) => this.#connected(address));
    this.#socket.subscribe(topic);
    this.#receiving = this.#receive();
  }

  add({ instance_id: id, transport }: EventChannelRecord): void {
    const address = addressOf(transport.config["endpoint"]);
    const known = this.#publishers.get(address);
    if (known) {
      // The connection stands, or will.
      known.add(id);
      this.#later([id]);
      return;
    }
    this.#publishers.set(address, new Set([id]));
    this.#socket.connect(address);
  }

  remove({ instance_id: id, transport }: EventChannelRecord): void {
    const address = String(transport.config["endpoint"]);
    const known = this.#publishers.get(address);
    if (!known?.delete(id) || known.size > 0) return;
    this.#publishers.delete(address);
    this.#socket.disconnect(address);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#publishers.clear();
    this.#socket.close();
    await this.#receiving;
  }

  #connected(address: string): void {
    this.#later([...(this.#publishers.get(address) ?? [])]);
  }

  #later(publisherIds: readonly bigint[]): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#events.onListening(publisherIds);
    }, SUBSCRIBED_MS);
    this.#timers.add(timer);
  }

  async #receive(): Promise<void> {
    for await (const frames of this.#socket) this.#take(frames);
  }

  #take([topic, publisherId, , body]: Buffer[]): void {
    // Subscriptions are prefixes.
    if (topic?.toString() !== this.#topic) return;
    try {
      const envelope = decodeZmqFrame(body ?? Buffer.alloc(0));
      const shown = publisherId?.length === 8 ? publisherId.readBigUInt64BE() : undefined;
      if (shown !== envelope.publisherId) throw new Error("its frames name different publishers");
      this.#events.onEnvelope(envelope);
    } catch (error) {
      this.#events.onProblem(error instanceof Error ? error.message : String(error));
    }
  }
}

/** Records come from strangers. */
function addressOf(endpoint: unknown): string {
  if (typeof endpoint === "string" && /^tcp:\/\/(\[[\da-f:.]+\]|[\w.-]+):\d{1,5}$/i.test(endpoint)) {
    return endpoint;
  }
  throw new RequestPlaneError("protocol_error", `'${String(endpoint)}' is no address of events over ZMQ`);
}
