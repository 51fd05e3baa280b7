import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { NatsServer } from "@dynamo/nats-server";
import { onTestFinished } from "vitest";
import { until } from "@dynamo/test-support";

/** A message as it came, byte for byte. */
export interface RawMessage {
  readonly verb: "MSG" | "HMSG";
  readonly subject: string;
  readonly reply: string | undefined;
  readonly header: Buffer;
  readonly payload: Buffer;
}

/** Speaks the NATS protocol by hand, so that tests don't trust the client library. */
export class RawClient {
  readonly messages: RawMessage[] = [];
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #pongs = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      while (this.#readOne());
    });
  }

  static async connect(server: NatsServer): Promise<RawClient> {
    const socket = connect(server.port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");
    const client = new RawClient(socket);
    client.write('CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n');
    return client;
  }

  write(...pieces: (string | Buffer)[]): void {
    for (const piece of pieces) this.#socket.write(piece);
  }

  /** Resolves when the server has taken all that was written. */
  async flush(): Promise<void> {
    const before = this.#pongs;
    this.write("PING\r\n");
    await until("the server has answered a ping", () => this.#pongs > before);
  }

  async next(): Promise<RawMessage> {
    await until("a message has come", () => this.messages.length > 0);
    return this.messages.shift()!;
  }

  #readOne(): boolean {
    const lineEnd = this.#bytes.indexOf("\r\n");
    if (lineEnd < 0) return false;
    const [verb = "", ...words] = this.#bytes.toString("utf8", 0, lineEnd).split(" ");
    if (verb === "PONG") this.#pongs += 1;
    if (verb !== "MSG" && verb !== "HMSG") {
      this.#bytes = this.#bytes.subarray(lineEnd + 2);
      return true;
    }
    const sizes = verb === "MSG" ? 1 : 2;
    const total = Number(words.at(-1));
    const headerBytes = verb === "MSG" ? 0 : Number(words.at(-2));
    const start = lineEnd + 2;
    if (this.#bytes.length < start + total + 2) return false;
    this.messages.push({
      verb,
      subject: words[0]!,
      reply: words.length === 2 + sizes ? undefined : words[2],
      header: this.#bytes.subarray(start, start + headerBytes),
      payload: this.#bytes.subarray(start + headerBytes, start + total),
    });
    this.#bytes = this.#bytes.subarray(start + total + 2);
    return true;
  }
}
