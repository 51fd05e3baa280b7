import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import type { EndpointRecord, InstanceId } from "@dynamo/request-plane-core";
import { ACK, cutInto, readFrame08, readTwoPart, replyFrame, twoPart } from "@dynamo/test-support/raw-frames";
import type { RawRequest } from "@dynamo/test-support/raw-frames";
import type { World } from "./world.ts";

/** What a scripted worker does with one request. */
export type Script = (request: ScriptedRequest) => void | Promise<void>;

/** A worker made of bare sockets that does with each request what its script says. */
export class ScriptedWorker {
  readonly id: InstanceId;
  readonly requests: ScriptedRequest[] = [];
  /** Connections that were accepted so far. */
  accepted = 0;
  /** Connections that callers wanted to switch to in-band responses. */
  declined = 0;
  readonly #world: World;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #script: Script;
  record!: EndpointRecord;

  private constructor(world: World, id: InstanceId, script: Script) {
    this.#world = world;
    this.id = id;
    this.#script = script;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** Listens and appears in discovery; goes away with the world. */
  static async start(world: World, id: InstanceId, script: Script): Promise<ScriptedWorker> {
    const worker = new ScriptedWorker(world, id, script);
    worker.#server.listen(0, "127.0.0.1");
    await once(worker.#server, "listening");
    world.onEnd(() => worker.stop());
    worker.record = recordOf(id, (worker.#server.address() as AddressInfo).port);
    world.discovery.put(worker.record);
    return worker;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  leaveDiscovery(): void {
    this.#world.discovery.remove(this.record);
  }

  /** Closes everything; the record stays. */
  async stop(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, "close") : undefined;
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    for (const request of this.requests) request.release();
    await closed;
  }

  #serve(socket: Socket): void {
    this.accepted += 1;
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket)).on("error", () => undefined);
    socket.on(
      "data",
      cutInto(readFrame08, (frame) => this.#take(socket, frame)),
    );
  }

  #take(socket: Socket, frame: RawRequest): void {
    if (frame.path === "_inband/1") {
      // As every worker that doesn't know it.
      this.declined += 1;
      socket.write(replyFrame("Server unavailable: unknown endpoint _inband/1"));
      return;
    }
    const request = new ScriptedRequest(this.requests.length, socket, frame);
    this.requests.push(request);
    void this.#script(request);
  }
}

/** The record of an instance that takes requests on loopback. */
export function recordOf(id: InstanceId, port: number): EndpointRecord {
  const name = { namespace: "test", component: "backend", endpoint: "generate" };
  const tcp = `127.0.0.1:${port}/${id.toString(16)}/test/backend/generate`;
  return { type: "Endpoint", ...name, instance_id: id, transport: { tcp } };
}

export class ScriptedRequest {
  /** How many requests its worker had before. */
  readonly index: number;
  /** The connection that brought the request. */
  readonly socket: Socket;
  readonly id: string;
  readonly headers: Record<string, string>;
  readonly payload: unknown;
  readonly info: { address: string; subject: string };
  /** What the caller said on the response connection. */
  readonly controls: string[] = [];
  #response: Socket | undefined;

  constructor(index: number, socket: Socket, frame: RawRequest) {
    this.index = index;
    this.socket = socket;
    const { header, body } = readTwoPart(frame.envelope)!;
    const control = JSON.parse(header) as { id: string; connection_info: { info: string } };
    this.id = control.id;
    this.info = JSON.parse(control.connection_info.info) as { address: string; subject: string };
    this.headers = frame.headers;
    this.payload = body.length === 0 ? undefined : JSON.parse(body.toString());
  }

  get response(): Socket {
    if (!this.#response) throw new Error("Not dialled yet");
    return this.#response;
  }

  ack(): this {
    this.socket.write(ACK);
    return this;
  }

  refuse(text: string): void {
    this.socket.write(replyFrame(text));
  }

  /** Connects to the caller. */
  async dial(): Promise<this> {
    const [host = "", port = ""] = this.info.address.split(":");
    const socket = connect({ host, port: Number(port), noDelay: true });
    this.#response = socket;
    socket.on("error", () => undefined);
    socket.on(
      "data",
      cutInto(readTwoPart, ({ header }) => this.controls.push(header)),
    );
    await once(socket, "connect");
    return this;
  }

  handshake(): this {
    return this.header({ subject: this.info.subject, stream_type: "response" });
  }

  /** Dials and says that the response begins. */
  async begin(): Promise<this> {
    await this.dial();
    return this.handshake().header({ error: null });
  }

  header(value: unknown): this {
    this.response.write(twoPart(JSON.stringify(value)));
    return this;
  }

  body(text: string): this {
    this.response.write(twoPart("", text));
    return this;
  }

  item(data: unknown): this {
    return this.body(JSON.stringify({ data: { data }, complete_final: false }));
  }

  /** The mark that the response is whole, the sentinel, and the end. */
  finish(): void {
    this.body('{"complete_final":true}').header("sentinel");
  }

  /** Answers as a good worker does. */
  async answer(...items: unknown[]): Promise<void> {
    this.ack();
    await this.begin();
    for (const item of items) this.item(item);
    this.finish();
  }

  release(): void {
    this.#response?.destroy();
  }
}
