import { isIPv6 } from "node:net";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Logger } from "@dynamo/request-plane-core";
import type { ChannelTransport } from "@dynamo/discovery";
import { encodeZmqFrame } from "@dynamo/kv-router/wire";
import type { EventEnvelope } from "@dynamo/kv-router/wire";
import { Publisher } from "zeromq";
import type { EnvelopePublisher } from "../transport.ts";
import { HIGH_WATER_MARK } from "./limits.ts";

/** How long a socket that is closed may take to write what is left. */
const LINGER_MS = 200;

type Frames = readonly [topic: Uint8Array, publisherId: Uint8Array, sequence: Uint8Array, body: Uint8Array];

export interface Hosts {
  readonly bind: string;
  readonly advertise: string;
}

/**
 * A PUB socket on a port that the system picks. Its messages have four frames: topic, publisher and sequence
 * number as eight bytes each, and the envelope. Source: kv-verified notes, section 1.4.
 */
export class ZmqPublisher implements EnvelopePublisher {
  readonly address: ChannelTransport;
  readonly #socket: Publisher;
  readonly #logger: Logger;
  #waiting: Frames[] = [];
  #sending: Promise<void> | undefined;
  #hasDropped = false;

  private constructor(socket: Publisher, endpoint: string, logger: Logger) {
    this.#socket = socket;
    this.#logger = logger;
    this.address = { kind: "Zmq", config: { endpoint } };
  }

  static async bind({ bind, advertise }: Hosts, logger: Logger): Promise<ZmqPublisher> {
    const socket = new Publisher({
      linger: LINGER_MS,
      sendHighWaterMark: HIGH_WATER_MARK,
      ipv6: isIPv6(bind),
    });
    try {
      await socket.bind(`tcp://${bracketed(bind)}:*`);
    } catch (cause) {
      socket.close();
      const message = `Events can't be offered on ${bind}: ${String(cause)}. Set DYN_EVENT_PLANE_ZMQ_HOST to an address of this host`;
      throw new RequestPlaneError("invalid_configuration", message, {
        cause,
        facts: { setting: "DYN_EVENT_PLANE_ZMQ_HOST" },
      });
    }
    const port = /:(\d+)$/.exec(socket.lastEndpoint ?? "")?.[1] ?? "";
    return new ZmqPublisher(socket, `tcp://${bracketed(advertise)}:${port}`, logger);
  }

  send(envelope: EventEnvelope): void {
    if (this.#socket.closed) return;
    if (this.#waiting.length >= HIGH_WATER_MARK) {
      this.#drop(envelope.topic);
      return;
    }
    this.#waiting.push(framesOf(envelope));
    this.#sending ??= this.#sendAll();
  }

  async close(): Promise<void> {
    await this.#sending;
    this.#socket.close();
  }

  /** The socket takes one message at a time. A PUB socket never waits: it drops what a slow listener doesn't read. */
  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      for (const frames of batch) {
        await this.#socket.send([...frames]).catch((error: unknown) => this.#drop(String(error)));
      }
    }
    this.#sending = undefined;
  }

  #drop(why: string): void {
    if (this.#hasDropped) return;
    this.#hasDropped = true;
    this.#logger.warn({ why }, "Events could not be sent; routers will ask for what they miss");
  }
}

function framesOf(envelope: EventEnvelope): Frames {
  const numbers = Buffer.alloc(16);
  numbers.writeBigUInt64BE(envelope.publisherId);
  numbers.writeBigUInt64BE(BigInt(envelope.sequence), 8);
  return [Buffer.from(envelope.topic), numbers.subarray(0, 8), numbers.subarray(8), encodeZmqFrame(envelope)];
}

function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}
