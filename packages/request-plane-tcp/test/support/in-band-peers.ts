/** Both ends of a switched connection, written by hand, frame by frame, so that tests don't trust our codec. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { until } from "@dynamo/test-support";
import type { EndpointRecord } from "@dynamo/request-plane-core";
import { ACK, cutInto, frame08, readFrame08, twoPart } from "@dynamo/test-support/raw-frames";
import { recordOf } from "./scripted-worker.ts";
import { RESPONSE_KINDS } from "@dynamo/test-world";
import type { World } from "./world.ts";

export const KINDS = {
  REQUEST: 1,
  STOP: 2,
  KILL: 3,
  CREDIT: 4,
  REFUSED: 16,
  ...RESPONSE_KINDS,
} as const;

export const SWITCH: Buffer = frame08("_inband/1", { "x-endpoint-path": "_inband/1" }, Buffer.alloc(0));

export interface RawFrame {
  readonly kind: number;
  readonly stream: number;
  readonly body: string;
}

export function inBandFrame(kind: number, stream: number, body: string | Buffer = ""): Buffer {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const head = Buffer.alloc(9);
  head.writeUInt32BE(bytes.length, 0);
  head.writeUInt32BE(stream, 4);
  head[8] = kind;
  return Buffer.concat([head, bytes]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The body of a REQUEST. */
export function requestBody(path: string, request: unknown, credit = 262_144): Buffer {
  const control = JSON.stringify({
    id: "raw",
    request_type: "single_in",
    response_type: "many_out",
    connection_info: { transport: "tcp_inband", info: "" },
  });
  const lengths = Buffer.alloc(2);
  lengths.writeUInt16BE(Buffer.byteLength(path));
  const envelope = twoPart(control, JSON.stringify(request));
  return Buffer.concat([u32(credit), lengths, Buffer.from(path), Buffer.alloc(2), envelope]);
}

/** A listener for a socket's data that hands out frames, however they arrive. */
function intoFrames(onFrame: (frame: RawFrame) => void): (chunk: Buffer) => void {
  const whole = (bytes: Buffer): Buffer | undefined => {
    const end = bytes.length < 9 ? Infinity : 9 + bytes.readUInt32BE(0);
    return end <= bytes.length ? bytes.subarray(0, end) : undefined;
  };
  return cutInto(whole, (frame) =>
    onFrame({ kind: frame[8]!, stream: frame.readUInt32BE(4), body: frame.toString("utf8", 9) }),
  );
}

/** A caller that has switched its connection. */
export class RawCaller {
  readonly socket: Socket;
  readonly frames: readonly RawFrame[];
  readonly #path: string;

  private constructor(socket: Socket, path: string) {
    this.socket = socket;
    this.#path = path;
    const frames: RawFrame[] = [];
    this.frames = frames;
    socket
      .on(
        "data",
        intoFrames((frame) => frames.push(frame)),
      )
      .on("error", () => undefined);
  }

  /** `address` is that of an endpoint, `host:port/path`. */
  static async connect(address: string): Promise<RawCaller> {
    const [host = "", port = ""] = address.slice(0, address.indexOf("/")).split(":");
    const socket = connect({ host, port: Number(port), noDelay: true });
    await once(socket, "connect");
    socket.write(SWITCH);
    const [reply] = (await once(socket, "data")) as [Buffer];
    if (!reply.equals(ACK)) throw new Error(`The switch was answered with ${reply.toString("hex")}`);
    return new RawCaller(socket, address.slice(address.indexOf("/") + 1));
  }

  get isClosed(): boolean {
    return this.socket.closed;
  }

  send(kind: number, stream: number, body?: string | Buffer): this {
    this.socket.write(inBandFrame(kind, stream, body));
    return this;
  }

  ask(stream: number, request: unknown, credit?: number): this {
    return this.send(KINDS.REQUEST, stream, requestBody(this.#path, request, credit));
  }

  of(stream: number): RawFrame[] {
    return this.frames.filter((frame) => frame.stream === stream);
  }

  items(stream: number): unknown[] {
    const items = this.of(stream).filter(({ kind }) => kind === KINDS.ITEM);
    return items.map(({ body }) => JSON.parse(body) as unknown);
  }

  async ended(stream: number): Promise<number> {
    const last = [KINDS.REFUSED, KINDS.FAILED, KINDS.END, KINDS.RESET] as number[];
    await until(`stream ${stream} is over`, () => this.of(stream).some(({ kind }) => last.includes(kind)));
    return this.of(stream).at(-1)!.kind;
  }

  /** Why the worker closed the connection. */
  async dismissed(): Promise<string> {
    await until("the worker closes", () => this.isClosed);
    const [farewell] = this.of(0);
    return farewell?.kind === KINDS.REFUSED ? farewell.body : "";
  }
}

export type InBandScript = (frame: RawFrame, socket: Socket) => void;

/** A worker of bare sockets that offers in-band responses, and does with each frame what its script says. */
export class RawInBandWorker {
  readonly frames: RawFrame[] = [];
  readonly sockets: Socket[] = [];
  readonly record: EndpointRecord;

  private constructor(record: EndpointRecord) {
    this.record = record;
  }

  /** `answer` is what the switch is answered with; nothing when it is `undefined`. */
  static async start(
    world: World,
    id: bigint,
    script: InBandScript,
    answer: Buffer | undefined = ACK,
  ): Promise<RawInBandWorker> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const record = recordOf(id, (server.address() as AddressInfo).port);
    const worker = new RawInBandWorker({ ...record, response_transports: ["tcp_inband"] });
    server.on("connection", (socket) => worker.#serve(socket, script, answer));
    world.onEnd(() => worker.#stop(server));
    world.discovery.put(worker.record);
    return worker;
  }

  of(kind: number): RawFrame[] {
    return this.frames.filter((frame) => frame.kind === kind);
  }

  get open(): number {
    return this.sockets.filter((socket) => !socket.closed).length;
  }

  #serve(socket: Socket, script: InBandScript, answer: Buffer | undefined): void {
    this.sockets.push(socket);
    socket.on("error", () => undefined);
    const read = intoFrames((frame) => {
      this.frames.push(frame);
      script(frame, socket);
    });
    let isSwitched = false;
    socket.on("data", (chunk: Buffer) => {
      if (!isSwitched) {
        const { path, length } = readFrame08(chunk)!;
        if (path !== "_inband/1" || length !== chunk.length) throw new Error(`Not the switch: ${path}`);
        isSwitched = true;
        if (answer) socket.write(answer);
        return;
      }
      read(chunk);
    });
  }

  async #stop(server: Server): Promise<void> {
    const closed = once(server, "close");
    server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}
