import { kindAt, streamAt, StreamTable } from "@dynamo/request-plane-core";
import type { RequestPlaneError, StreamWriter, WriterCarrier } from "@dynamo/request-plane-core";
import type { NatsConnection } from "@nats-io/transport-node";
import { encodeClose } from "./close-message.ts";
import { FrameKind } from "./frames.ts";
import { malformed, MessageInput } from "./message-input.ts";
import { maxMessageBytes, MessageOutput } from "./message-output.ts";
import { publish } from "./publish.ts";
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
export class ServerLink implements WriterCarrier {
  readonly token: string;
  readonly prefix: string;
  readonly subject: string;
  readonly input: MessageInput;
  readonly output: MessageOutput;
  /** Those that are not over. */
  readonly streams = new StreamTable<StreamWriter>();
  /** Those that are to be asked again when there is room. */
  readonly #waiting = new Set<StreamWriter>();
  readonly #options: ServerLinkOptions;
  /** Streams that have not said that they are accepted. */
  #opening: StreamWriter[] = [];
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

  opening(stream: StreamWriter): void {
    this.#opening.push(stream);
    this.output.schedule();
  }

  waiting(stream: StreamWriter): void {
    this.#waiting.add(stream);
  }

  forget(stream: StreamWriter): void {
    this.streams.delete(stream);
    this.#waiting.delete(stream);
  }

  wake(): void {
    for (const stream of this.#waiting) if (stream.wakeIfRoom()) this.#waiting.delete(stream);
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
    const kind = kindAt(bytes, start);
    const stream = this.streams.get(streamAt(bytes, start));
    if (stream) stream.control(kind, bytes, start, end);
    else if (!CONTROLS.has(kind)) throw malformed(`a frame of kind ${kind}`);
  }
}

/** What callers send about streams. */
const CONTROLS: ReadonlySet<number> = new Set([FrameKind.STOP, FrameKind.KILL, FrameKind.CREDIT]);
