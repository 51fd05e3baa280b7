/**
 * How a response comes back, as a few small interfaces. There are two ways. Call-home: the worker dials the
 * caller (`ResponsePlane`, `call-home/`). In-band: it comes on the connection that carried the request, which is
 * the transport's work (`RequestPlaneClient.exchange`, `InboundRequest.connector`; docs/in-band.md).
 */
import type { RequestPlaneError } from "./errors.ts";
import type { ConnectionInfo } from "./wire/control-message.ts";

/** The caller's half: opens a place for one response before the request is sent. */
export interface ResponsePlane {
  /** The value of `connection_info.transport`. */
  readonly transport: string;
  /** Reserves a place for the response of one request, at once when the plane has started. The first one starts it. */
  open(requestId: string, receiver: ResponseReceiver): ResponseSlot | Promise<ResponseSlot>;
  /** Ends every open response with `closed`. */
  close(): Promise<void>;
  /** Responses that were opened and have not ended. Zero at rest. */
  readonly size: number;
}

export interface ResponseSlot {
  readonly connectionInfo: ConnectionInfo;
  /** Nobody waits any more: a worker that comes now is told so. Does nothing once the response has begun. */
  abandon(): void;
}

/**
 * What the body of a data frame holds: `wrapped` is call-home's `{data: {data: item}, complete_final: false}`,
 * `annotated` the envelope alone, `{data: item}`, and `item` the item alone.
 */
export type FrameForm = "wrapped" | "annotated" | "item";

/** What the body of a received frame holds: one of these, or several items as `items-frame.ts` describes. */
export type ReceivedForm = FrameForm | "items";

/**
 * What the caller is told, in this order: `connected`, `opened`, any number of `frame`, `completed` where the end
 * mark is no data frame, `ended`. At any point `failed` may come instead, and is the last thing then.
 */
export interface ResponseReceiver {
  /** Largest body of a frame in bytes; a larger one is `payload_too_large`. */
  readonly maxFrameBytes: number;
  /** The worker is there; the response can be controlled from now on. */
  connected(control: ResponseControl): void;
  /** The worker has begun and will stream. */
  opened(): void;
  /** The body of one data frame: `bytes` from `start` to `end`. The bytes are the receiver's to keep. */
  frame(bytes: Buffer, start: number, end: number, form: ReceivedForm): void;
  /** The worker's word that the response is whole. */
  completed(): void;
  /** The peer said or showed that nothing more comes. Whether the response is whole, its frames tell. */
  ended(): void;
  failed(error: RequestPlaneError): void;
}

/** The receiver of a response that is to come on the request's own connection. */
export interface InBandReceiver extends ResponseReceiver {
  /**
   * The peer has no in-band responses after all, and the request was not sent. The first and last thing the
   * receiver is told then.
   */
  declined(): void;
}

/** What the caller can do to a response under way. Each may be called at any time, in any state. */
export interface ResponseControl {
  /** Asks the worker to come to an end; what it still sends is read. Sent once. */
  stop(): void;
  /** Tells the worker to drop the work, and closes. */
  kill(): void;
  /** Stops reading, so that the worker has to wait. */
  pause(): void;
  resume(): void;
}

/** The worker's half: knows one value of `connection_info.transport`. */
export interface ResponseConnector {
  readonly transport: string;
  /**
   * Starts to connect; what is written meanwhile waits. Throws `protocol_error` when the info is not for this
   * request. A connection that fails shows as `kill` and in what `end` rejects with.
   */
  connect(info: ConnectionInfo, requestId: string): ResponseWriter;
}

/** Told once that a response is over; `lost` says how its caller was lost, if it was. */
export type OnOver = (lost: RequestPlaneError | undefined) => void;

/** What a caller controls at the worker. May be told more than once, `kill` last. */
export interface Controlled {
  control(word: "stop" | "kill"): void;
}

/** Where a worker writes one response. Writes of one tick leave together. */
export interface ResponseWriter {
  /**
   * `wrapped`: each item is written in call-home's wrapper, so that it can be sent as it is. `bare`: items and
   * envelopes are written alone. `wraps-text`: JSON text is written alone and encoded bytes in the wrapper.
   */
  readonly framing: "wrapped" | "bare" | "wraps-text";
  /** Told when the caller asks for an end, or is gone. */
  controlled: Controlled | undefined;
  /** The first thing to write. With an error it is the last thing too. */
  prologue(error?: RequestPlaneError): void;
  /**
   * The body of one data frame: JSON text in one line or encoded bytes, in a form that fits `framing` (default `wrapped`).
   * `false` when the caller has to be waited for.
   */
  write(body: string | Uint8Array, form?: FrameForm): boolean;
  /** Resolves when there is room again, or when the response can't be written any more. */
  drained(): Promise<void>;
  /**
   * Says that nothing more comes, with `mark` where that is a data frame (default: in JSON). Calls back once, within a
   * bound: when the caller has it all, or with `cannot_connect` or `disconnected` when it was lost before.
   */
  end(onOver: OnOver, mark?: Uint8Array): void;
  /** Closes at once, without saying that the response is whole. */
  abort(): void;
}
