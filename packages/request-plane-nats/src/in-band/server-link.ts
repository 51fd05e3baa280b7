import { RequestPlaneError, StreamTable } from "@dynamo/request-plane-core";
import type { NatsConnection } from "@nats-io/transport-node";
import { encodeClose } from "./close-message.ts";
import { FrameKind, HEAD_BYTES, kindAt, MAX_CREDIT, streamAt } from "./frames.ts";
import { malformed, MessageInput } from "./message-input.ts";
import { maxMessageBytes, MessageOutput } from "./message-output.ts";
import { publish } from "./publish.ts";
import type { ServerStream, WriterLink } from "./server-stream.ts";
import type { UnconfirmedBytes } from "./unconfirmed-bytes.ts";

export interface ServerLinkOptions {
  readonly connection: NatsConnection;
  /** The last token of both subjects. */
  readonly token: string;
  /** The caller's inbox. */
  readonly prefix: string;
  /** Where we listen: the server answers there when the caller is gone. */
  readonly reply: string;
  readonly intervalMs: number;
  readonly unconfirmed: UnconfirmedBytes;
}

/** The worker's end of all that goes between this process and one caller process. */
export class ServerLink implements WriterLink {
  readonly token: string;
  readonly prefix: string;
  readonly subject: string;
  readonly input: MessageInput;
  readonly output: MessageOutput;
  readonly streams = new StreamTable<ServerStream>();
  readonly waiting = new Set<ServerStream>();
  readonly #options: ServerLinkOptions;
  /** Streams that have not said that they are accepted. */
  #opening: ServerStream[] = [];
  /** How often in a row there was no stream when we looked. */
  idleBeats = 0;

  constructor(options: ServerLinkOptions) {
    const { connection, token, prefix, reply, intervalMs, unconfirmed } = options;
    this.#options = options;
    this.token = token;
    this.prefix = prefix;
    this.subject = `${prefix}.${token}`;
    this.input = new MessageInput((bytes, start, end) => this.#frame(bytes, start, end));
    this.output = new MessageOutput(
      {
        maxBytes: maxMessageBytes(connection),
        intervalMs,
        publish: (message) => {
          unconfirmed.add(message.length);
          publish(connection, this.subject, message, { reply });
        },
      },
      () => this.#open(),
    );
  }

  get isCongested(): boolean {
    return this.#options.unconfirmed.isFull;
  }

  opening(stream: ServerStream): void {
    this.#opening.push(stream);
    this.output.schedule();
  }

  wake(): void {
    for (const stream of this.waiting) stream.wakeIfRoom();
  }

  /** Ends the streams that are not over; nothing leaves any more. With a reason, the caller is told. */
  close(error: RequestPlaneError, why?: string): void {
    if (why !== undefined) this.#farewell(why);
    this.output.close();
    for (const stream of this.streams.all()) stream.lose(error);
  }

  #farewell(why: string): void {
    this.output.flush();
    const { connection, intervalMs } = this.#options;
    publish(connection, this.subject, encodeClose(why, intervalMs));
  }

  #open(): void {
    if (this.#opening.length === 0) return;
    const opening = this.#opening;
    this.#opening = [];
    for (const stream of opening) stream.open();
  }

  /** Frames about streams that are over are passed over: they crossed with the end. */
  #frame(bytes: Buffer, start: number, end: number): void {
    const stream = this.streams.get(streamAt(bytes, start));
    const kind = kindAt(bytes, start);
    switch (kind) {
      case FrameKind.STOP:
        stream?.stop();
        return;
      case FrameKind.KILL:
        stream?.lose(new RequestPlaneError("disconnected", "The caller wants no more"));
        return;
      case FrameKind.CREDIT: {
        const more = end - start === HEAD_BYTES + 4 ? bytes.readUInt32BE(start + HEAD_BYTES) : 0;
        if (more === 0 || more > MAX_CREDIT || stream?.grant(more) === false)
          throw malformed("impossible credit");
        return;
      }
      default:
        throw malformed(`a frame of kind ${kind}`);
    }
  }
}
