import type { NatsConnection } from "@nats-io/transport-node";
import { FRAME_HEAD_BYTES, kindAt, LinkedList, streamAt } from "@dynamo/request-plane-core";
import type { ClientStream, StreamLink } from "./client-stream.ts";
import { encodeClose } from "./close-message.ts";
import { FrameKind } from "./frames.ts";
import { MessageInput, walk } from "./message-input.ts";
import { maxMessageBytes, MessageOutput } from "./message-output.ts";
import { publish } from "./publish.ts";

export interface ClientLinkOptions {
  readonly connection: NatsConnection;
  /** Where the worker listens. */
  readonly subject: string;
  /** Where it answers: the server itself does when the worker is gone. */
  readonly reply: string;
  readonly intervalMs: number;
  /** The stream of a number, unless it is over. */
  find(id: number): ClientStream | undefined;
  /** The worker has accepted the request. */
  acknowledged(stream: ClientStream): void;
}

/** The caller's end of all that goes between this process and one worker process. */
export class ClientLink implements StreamLink {
  readonly subject: string;
  readonly input: MessageInput;
  readonly output: MessageOutput;
  readonly streams = new LinkedList<ClientStream>();
  readonly #options: ClientLinkOptions;
  /** How often in a row there was no stream when we looked. */
  idleBeats = 0;
  /** The last stream of which nothing more is wanted. */
  #unwanted = 0;

  constructor(options: ClientLinkOptions) {
    const { connection, subject, reply, intervalMs } = options;
    this.#options = options;
    this.subject = subject;
    this.input = new MessageInput(this.#frame);
    this.output = new MessageOutput(
      {
        maxBytes: maxMessageBytes(connection),
        intervalMs,
        publish: (message) => publish(connection, subject, message, { reply }),
      },
      nothing,
    );
  }

  /**
   * Makes the streams of a message our own that has no other use: they have the fate of the link. Throws
   * `protocol_error` for what can't be read.
   */
  adopt(message: Buffer): void {
    walk(message, (bytes, start) => {
      const stream = this.#options.find(streamAt(bytes, start));
      if (stream && !stream.link) this.#bind(stream);
    });
  }

  /** Nothing leaves any more. With a reason, the worker is told. */
  close(why?: string): void {
    const { connection, subject, intervalMs } = this.#options;
    this.output.close();
    if (why !== undefined) publish(connection, subject, encodeClose(why, intervalMs));
  }

  readonly #frame = (bytes: Buffer, start: number, end: number): void => {
    const kind = kindAt(bytes, start);
    const id = streamAt(bytes, start);
    const stream = this.#options.find(id);
    if (!stream) {
      this.#refuse(kind, id);
      return;
    }
    if (!stream.link) this.#bind(stream);
    else if (stream.link !== this) return;
    stream.frame(kind, bytes, start + FRAME_HEAD_BYTES, end);
  };

  #bind(stream: ClientStream): void {
    stream.bind(this);
    this.#options.acknowledged(stream);
  }

  /** A frame of a stream that is over for us, which the worker may not know when it has only begun to answer. */
  #refuse(kind: number, id: number): void {
    if (id === this.#unwanted || !CONTINUING.has(kind)) return;
    this.#unwanted = id;
    this.output.empty(FrameKind.KILL, id);
  }
}

/** Kinds after which more comes. */
const CONTINUING: ReadonlySet<number> = new Set([
  FrameKind.PART,
  FrameKind.OPENED,
  FrameKind.ITEM,
  FrameKind.ANNOTATED,
]);

function nothing(): void {
  // Callers have nothing to add.
}
