import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { modelRecord, textChatCard } from "@dynamo/discovery";
import type { ModelRecord } from "@dynamo/discovery";
import type { EndpointRecord, Registration } from "@dynamo/request-plane-core";
import { cutInto, readFrame08 } from "@dynamo/test-support/raw-frames";
import { Exchange } from "./exchange.ts";
import type { Step } from "./steps.ts";

export type Script = readonly Step[];

/** A worker made of bare sockets that does with each request what its script says. */
export class ScriptedWorker {
  readonly id: bigint;
  readonly exchanges: Exchange[] = [];
  /** Its instance and its card, once it is in discovery. */
  registrations: readonly Registration[] = [];
  /** Connections that were accepted so far. */
  accepted = 0;
  readonly #scripts: readonly Script[];
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => this.#serve(socket));
  #port = 0;

  /** @param scripts one for each request; the last is for all that follow too */
  constructor(id: bigint, scripts: readonly Script[]) {
    this.id = id;
    this.#scripts = scripts;
  }

  /** On the same port as before when it was stopped. */
  async start(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, "close") : undefined;
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    for (const exchange of this.exchanges) exchange.release();
    await closed;
  }

  get endpoint(): EndpointRecord {
    const name = { namespace: "dynamo", component: "backend", endpoint: "generate" };
    const tcp = `127.0.0.1:${this.#port}/${this.id.toString(16)}/dynamo/backend/generate`;
    return { type: "Endpoint", ...name, instance_id: this.id, transport: { tcp } };
  }

  get card(): ModelRecord {
    return modelRecord(this.endpoint, textChatCard("m"));
  }

  /** Connections that brought requests and are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Response connections that are open. */
  get responses(): number {
    return this.exchanges.filter(({ isOpen }) => isOpen).length;
  }

  #serve(socket: Socket): void {
    this.accepted += 1;
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket)).on("error", () => undefined);
    socket.on(
      "data",
      cutInto(readFrame08, ({ envelope }) => void this.#play(new Exchange(socket, envelope))),
    );
  }

  async #play(exchange: Exchange): Promise<void> {
    const script = this.#scripts[Math.min(this.exchanges.length, this.#scripts.length - 1)] ?? [];
    this.exchanges.push(exchange);
    for (const step of script) await step(exchange);
  }
}
