import { StreamReader } from "@dynamo/request-plane-core";
import type { Deadline, InBandReceiver, ReaderOutput } from "@dynamo/request-plane-core";
import { refusalOf } from "../reply-frame.ts";
import { FrameKind, INITIAL_CREDIT } from "./frames.ts";

/** What a stream needs of its connection. */
export interface StreamCarrier {
  readonly address: string;
  readonly output: ReaderOutput;
  /** The stream is over. */
  forget(stream: ClientStream): void;
}

/** The caller's side of one request and its response, on the connection of the request. */
export class ClientStream extends StreamReader {
  /** Of the wait for the worker to accept the request. */
  deadline: Deadline<ClientStream> | undefined;
  /** What the connection had heard when this was sent. */
  sentAt = 0;
  readonly #carrier: StreamCarrier;

  constructor(id: number, receiver: InBandReceiver, carrier: StreamCarrier) {
    super({ id, receiver, address: carrier.address, credit: INITIAL_CREDIT });
    this.#carrier = carrier;
    this.tellBy(carrier.output);
  }

  override frame(kind: number, bytes: Buffer, start: number, end: number): void {
    if (kind === FrameKind.REFUSED) this.fail(refusalOf(bytes.toString("utf8", start, end)));
    else super.frame(kind, bytes, start, end);
  }

  protected override forget(): void {
    this.#carrier.forget(this);
  }
}
