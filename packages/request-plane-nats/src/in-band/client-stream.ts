import { StreamReader } from "@dynamo/request-plane-core";
import type { Deadline, FrameForm, InBandReceiver, Link, LinkedList } from "@dynamo/request-plane-core";
import { FrameKind, INITIAL_CREDIT } from "./frames.ts";
import type { MessageOutput } from "./message-output.ts";

/** What a stream needs of the link it is answered on. */
export interface StreamLink {
  readonly output: MessageOutput;
  /** Those that are not over. */
  readonly streams: LinkedList<ClientStream>;
}

/** The caller's side of one request and its response. A worker that has not answered yet is told when it does. */
export class ClientStream extends StreamReader {
  /** Of the request. */
  readonly bytes: number;
  readonly #onOver: (stream: ClientStream) => void;
  /** Of the acknowledgement. */
  deadline: Deadline<ClientStream> | undefined;
  /** Who answers, from the first frame on. */
  #link: StreamLink | undefined;
  /** Its place among the streams of the link. */
  #place: Link<ClientStream> | undefined;
  /** The beginning of a body that comes in pieces. */
  #parts: Buffer[] | undefined;
  #partBytes = 0;

  /** `address` is the subject of the request. */
  constructor(
    id: number,
    { address, bytes }: { readonly address: string; readonly bytes: number },
    receiver: InBandReceiver,
    onOver: (stream: ClientStream) => void,
  ) {
    super({ id, receiver, address, credit: INITIAL_CREDIT });
    this.bytes = bytes;
    this.#onOver = onOver;
  }

  get link(): StreamLink | undefined {
    return this.#link;
  }

  bind(link: StreamLink): void {
    this.#link = link;
    this.#place = link.streams.add(this);
    this.tellBy(link.output);
  }

  override frame(kind: number, bytes: Buffer, start: number, end: number): void {
    if (kind === FrameKind.PART) this.#part(bytes, start, end);
    else if (kind === FrameKind.FAILED && this.#parts) {
      const body = this.#whole(this.#parts, bytes, start, end);
      super.frame(kind, body, 0, body.length);
    } else super.frame(kind, bytes, start, end);
  }

  protected override item(bytes: Buffer, start: number, end: number, form: FrameForm): void {
    if (!this.#take(end - start)) return;
    if (this.#parts) {
      const body = this.#whole(this.#parts, bytes, start, end);
      this.deliver(body, 0, body.length, form);
    } else this.deliver(bytes, start, end, form);
  }

  protected override forget(): void {
    this.#parts = undefined;
    if (this.#place) this.#link?.streams.remove(this.#place);
    this.#onOver(this);
  }

  #part(bytes: Buffer, start: number, end: number): void {
    if (!this.#take(end - start)) return;
    this.#parts ??= [];
    this.#parts.push(bytes.subarray(start, end));
    this.#partBytes += end - start;
  }

  /** Accounts for a body or a piece of one; what was begun may go on. Gives whether the stream does. */
  #take(bodyBytes: number): boolean {
    if (!this.#parts && !this.mayTake()) return false;
    const whole = this.#partBytes + bodyBytes;
    if (whole > this.receiver.maxFrameBytes) {
      this.rejectTooLarge(whole);
      return false;
    }
    this.count(bodyBytes);
    return true;
  }

  #whole(parts: readonly Buffer[], bytes: Buffer, start: number, end: number): Buffer {
    this.#parts = undefined;
    this.#partBytes = 0;
    return Buffer.concat([...parts, bytes.subarray(start, end)]);
  }
}
