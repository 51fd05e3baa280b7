import { kindAt, streamAt, StreamWriters } from "@dynamo/request-plane-core";
import type { RequestPlaneError } from "@dynamo/request-plane-core";
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
export class ServerLink extends StreamWriters {
  readonly token: string;
  readonly prefix: string;
  readonly subject: string;
  readonly input: MessageInput;
  readonly output: MessageOutput;
  readonly #options: ServerLinkOptions;
  /** How often in a row there was no stream when we looked. */
  idleBeats = 0;

  constructor(options: ServerLinkOptions) {
    super();
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
      () => this.open(),
    );
  }

  override get isCongested(): boolean {
    return this.#options.unconfirmed.isFull;
  }

  /** Ends the streams that are not over; nothing leaves any more. With a reason, the caller is told. */
  close(error: RequestPlaneError, why?: string): void {
    if (why !== undefined) this.#farewell(why);
    this.output.close();
    this.loseAll(error);
  }

  #farewell(why: string): void {
    this.output.flush();
    const { connection, intervalMs } = this.#options;
    publish(connection, this.subject, encodeClose(why, intervalMs));
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
