/** HTTP/2 frame by frame, for peers that behave as no library does. */
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { until } from "@dynamo/test-support";

export const DATA = 0;
export const HEADERS = 1;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;

export const END_STREAM = 1;
export const ACK = 1;
const END_HEADERS = 4;

export const MAX_CONCURRENT_STREAMS = 3;
export const INITIAL_WINDOW_SIZE = 4;
export const MAX_FRAME_SIZE = 5;

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeUInt32BE(value, 4 * index));
  return bytes;
}

/** A literal without indexing, its name by its number in the static table. */
function literal(name: number, value: string): Buffer {
  const prefix = name < 15 ? [name] : [15, name - 15];
  return Buffer.from([...prefix, value.length, ...Buffer.from(value)]);
}

/** The head of a response, with its content length when there is one. */
export function responseHead(stream: number, status: number, length?: number, flags = 0): Buffer {
  const fields = [literal(8, String(status))];
  if (length !== undefined) fields.push(literal(28, String(length)));
  return frame(HEADERS, flags | END_HEADERS, stream, Buffer.concat(fields));
}

/** The acknowledgement that Dynamo's workers give. */
export function acknowledgement(stream: number): Buffer {
  return responseHead(stream, 202, 0, END_STREAM);
}

export function requestHead(
  stream: number,
  path: string,
  flags = 0,
  contentType = "application/octet-stream",
): Buffer {
  const fields = [Buffer.from([0x83, 0x86]), literal(4, path), literal(1, "test"), literal(31, contentType)];
  return frame(HEADERS, flags | END_HEADERS, stream, Buffer.concat(fields));
}

/** The settings in the payload of a SETTINGS frame. */
export function settingsIn({ payload }: Frame): Map<number, number> {
  const settings = new Map<number, number>();
  for (let at = 0; at < payload.length; at += 6)
    settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  return settings;
}

export function settingsFrame(settings: Readonly<Record<number, number>> = {}): Buffer {
  const entries = Object.entries(settings).map(([id, value]) => {
    const entry = Buffer.alloc(6);
    entry.writeUInt16BE(Number(id), 0);
    entry.writeUInt32BE(value, 2);
    return entry;
  });
  return frame(SETTINGS, 0, 0, Buffer.concat(entries));
}

/** One end of a connection: what the other one sent, as frames. */
export class RawConnection {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  onFrame: (frame: Frame) => void = () => undefined;
  #rest = Buffer.alloc(0);
  #skip: number;
  /** Answers SETTINGS and PING as everybody has to. */
  isPolite = true;

  constructor(socket: Socket, skip: number) {
    this.socket = socket;
    this.#skip = skip;
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  of(type: number): Frame[] {
    return this.frames.filter((one) => one.type === type);
  }

  send(...frames: Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** The first frame of a type. */
  async next(type: number): Promise<Frame> {
    await until(`a frame of type ${type} comes`, () => this.of(type).length > 0);
    return this.of(type)[0]!;
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const skipped = Math.min(this.#skip, this.#rest.length);
    this.#rest = this.#rest.subarray(skipped);
    this.#skip -= skipped;
    while (this.#rest.length >= 9 && this.#rest.length >= 9 + this.#rest.readUIntBE(0, 3)) {
      const end = 9 + this.#rest.readUIntBE(0, 3);
      const one = {
        type: this.#rest[3]!,
        flags: this.#rest[4]!,
        stream: this.#rest.readUInt32BE(5),
        payload: Buffer.from(this.#rest.subarray(9, end)),
      };
      this.#rest = this.#rest.subarray(end);
      this.frames.push(one);
      if (this.isPolite && (one.flags & ACK) === 0) {
        if (one.type === SETTINGS) this.send(frame(SETTINGS, ACK, 0));
        if (one.type === PING) this.send(frame(PING, ACK, 0, one.payload));
      }
      this.onFrame(one);
    }
  }
}

/** A caller that speaks HTTP/2 by hand. */
export function rawCaller(address: string): RawConnection {
  const { hostname, port } = new URL(address);
  const connection = new RawConnection(connect(Number(port), hostname), 0);
  connection.socket.write(PREFACE);
  connection.send(settingsFrame());
  return connection;
}

/** A worker that speaks HTTP/2 by hand. */
export class RawWorker implements AsyncDisposable {
  readonly connections: RawConnection[] = [];
  readonly #server: Server;
  address = "";

  private constructor(server: Server) {
    this.#server = server;
  }

  /** `onRequest` is called for each request that is whole. */
  static async start(
    onRequest: (connection: RawConnection, stream: number, index: number) => void,
    settings: Readonly<Record<number, number>> = {},
  ): Promise<RawWorker> {
    let requests = 0;
    const server = createServer((socket) => {
      const connection = new RawConnection(socket, PREFACE.length);
      worker.connections.push(connection);
      connection.onFrame = ({ type, flags, stream }) => {
        if ((type !== DATA && type !== HEADERS) || (flags & END_STREAM) === 0) return;
        onRequest(connection, stream, requests++);
      };
      connection.send(settingsFrame(settings));
    });
    const worker = new RawWorker(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    worker.address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/rpc/generate`;
    return worker;
  }

  get open(): number {
    return this.connections.filter(({ socket }) => !socket.closed).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
