/** Messages of a link on their way in: whether they are all there, and the frames in them. */
import { FRAME_HEAD_BYTES, RequestPlaneError } from "@dynamo/request-plane-core";
import { DEFAULT_INTERVAL_MS, MAX_INTERVAL_MS, MESSAGE_HEAD_BYTES, SILENT_INTERVALS } from "./frames.ts";

/** Is told of one frame: head and body lie in `bytes` from `start` to `end`. */
export type OnFrame = (bytes: Buffer, start: number, end: number) => void;

export class MessageInput {
  readonly #onFrame: OnFrame;
  #sequence = 0;
  #peerIntervalMs = DEFAULT_INTERVAL_MS;
  #ticks = 0;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /**
   * Takes one message. One that came before is passed over. Throws `disconnected` when one is missing, and
   * `protocol_error` for what can't be read.
   */
  push(message: Buffer): void {
    if (message.length < MESSAGE_HEAD_BYTES) throw malformed("a message without a head");
    const ahead = (message.readUInt32BE(0) - this.#sequence) >>> 0;
    if (ahead > 2 ** 31 || ahead === 0) return;
    if (ahead > 1) throw lost();
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#heard(message.readUInt32BE(4));
    walk(message, this.#onFrame);
  }

  /**
   * Counts an interval of our own, without anything from the other side if nothing comes. Gives whether it has been
   * silent for too long. Not a clock: after a time in which this process stood still, what had come is read first.
   */
  isSilent(intervalMs: number): boolean {
    this.#ticks += 1;
    return this.#ticks * intervalMs > SILENT_INTERVALS * this.#peerIntervalMs + intervalMs;
  }

  /** Silence counts from now on. */
  restart(): void {
    this.#ticks = 0;
  }

  #heard(intervalMs: number): void {
    if (intervalMs === 0 || intervalMs > MAX_INTERVAL_MS) throw malformed("an impossible interval");
    this.#peerIntervalMs = intervalMs;
    this.#ticks = 0;
  }
}

/** The frames of a message, whatever its number. Throws `protocol_error` when the last one isn't whole. */
export function walk(message: Buffer, onFrame: OnFrame): void {
  let at = MESSAGE_HEAD_BYTES;
  while (at < message.length) {
    const end =
      at + FRAME_HEAD_BYTES + (at + FRAME_HEAD_BYTES <= message.length ? message.readUInt32BE(at) : 0);
    if (end > message.length) throw malformed("a frame that ends behind its message");
    onFrame(message, at, end);
    at = end;
  }
}

export function malformed(what: string): RequestPlaneError {
  return new RequestPlaneError("protocol_error", `The other side of an in-band response sent ${what}`);
}

function lost(): RequestPlaneError {
  return new RequestPlaneError("disconnected", "NATS lost a message of the response");
}
