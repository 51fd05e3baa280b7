import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { parseSocketAddress } from "@dynamo/request-plane-core";
import { until } from "../waiting.ts";
import { readTwoPart, twoPart } from "./envelope.ts";
import type { CallHome } from "./envelope.ts";

/** A worker's connection to the caller, written by hand, frame by frame. */
export class RawResponse {
  readonly socket: Socket;
  /** What the caller said: `"stop"` and `"kill"`, with their quotation marks. */
  readonly controls: string[] = [];
  readonly #home: CallHome;
  #unread: Buffer = Buffer.alloc(0);

  private constructor(home: CallHome, socket: Socket) {
    this.#home = home;
    this.socket = socket;
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  static async dial(home: CallHome): Promise<RawResponse> {
    const socket = connect({ ...parseSocketAddress(home.address), noDelay: true, allowHalfOpen: true });
    await once(socket, "connect");
    return new RawResponse(home, socket);
  }

  bytes(bytes: string | Uint8Array): this {
    this.socket.write(bytes);
    return this;
  }

  /** A frame that is all header: JSON of the value. */
  header(value: unknown): this {
    return this.bytes(twoPart(JSON.stringify(value)));
  }

  /** A frame that is all body. */
  body(text: string): this {
    return this.bytes(twoPart("", text));
  }

  handshake(subject: string = this.#home.subject): this {
    return this.header({ subject, stream_type: "response" });
  }

  /** Handshake and prologue: the response begins. */
  begin(): this {
    return this.handshake().header({ error: null });
  }

  item(data: unknown): this {
    return this.body(JSON.stringify({ data: { data }, complete_final: false }));
  }

  final(): this {
    return this.body('{"complete_final":true}');
  }

  sentinel(): this {
    return this.header("sentinel");
  }

  /** Resolves when the caller has closed its side. */
  async closed(): Promise<void> {
    await until("the caller closes", () => this.socket.readableEnded || this.socket.destroyed);
  }

  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    for (let frame = readTwoPart(this.#unread); frame; frame = readTwoPart(this.#unread)) {
      this.#unread = this.#unread.subarray(frame.length);
      this.controls.push(frame.header.toString());
    }
  }
}
