import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { cutInto, readTwoPart, replyFrame } from "@dynamo/test-support/raw-frames";

/** One request as its worker sees it, and the means to answer it in any way. */
export class Exchange {
  /** When it came, on the clock of `performance.now()`. */
  readonly at: number = performance.now();
  readonly subject: string;
  /** What the frontend said on the response connection. */
  readonly controls: string[] = [];
  readonly #inbound: Socket;
  readonly #address: string;
  #response: Socket | undefined;

  /** @param inbound the connection that brought the request */
  constructor(inbound: Socket, envelope: Buffer) {
    this.#inbound = inbound;
    const { header } = readTwoPart(envelope)!;
    const control = JSON.parse(header) as { connection_info: { info: string } };
    const info = JSON.parse(control.connection_info.info) as { address: string; subject: string };
    this.#address = info.address;
    this.subject = info.subject;
  }

  /** The response connection. Throws when it was not made yet. */
  get response(): Socket {
    if (!this.#response) throw new Error("The worker has not dialled home");
    return this.#response;
  }

  /** Whether a response connection is open, in either direction. */
  get isOpen(): boolean {
    return this.#response?.closed === false;
  }

  reply(text: string): void {
    this.#inbound.write(replyFrame(text));
  }

  /** Closes the connection that brought the request. */
  hangUp(): void {
    this.#inbound.end();
  }

  async dial(): Promise<void> {
    const [host = "", port = ""] = this.#address.split(":");
    const socket = connect({ host, port: Number(port), noDelay: true });
    this.#response = socket;
    socket.on(
      "data",
      cutInto(readTwoPart, ({ header }) => void this.controls.push(header)),
    );
    await once(socket, "connect");
    // The frontend may reset it when it has heard enough.
    socket.on("error", () => undefined);
  }

  release(): void {
    this.#response?.destroy();
  }
}
