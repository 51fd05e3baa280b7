/**
 * The caller's half of a call-home exchange: envelopes that say where to call, and a listener for the answers.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import type { SubjectClient } from "../subject.ts";
import type { BenchItem, BenchRequest } from "../workload.ts";
import { boundsAt, PREFIX_BYTES, putPrefix } from "./call-home-frames.ts";
import type { Home } from "./call-home-frames.ts";

/** What carries the envelopes. */
export interface Carrier {
  /** Bytes that are left free in front of each envelope for the carrier's own use. Default: 0. */
  readonly room?: number;
  /** Resolves when the envelope is acknowledged, or at once when that is not looked at. */
  send(envelope: Buffer): Promise<void> | undefined;
  close(): Promise<void>;
}

interface Answer {
  /** Called with the number of items when it is whole. */
  readonly resolve: (items: number) => void;
  /** Called with each item. */
  readonly onItem?: (socket: Socket) => void;
}

/** By subject. */
type Waiting = Map<string, Answer>;

export async function callHomeClient({ room = 0, ...carrier }: Carrier): Promise<SubjectClient> {
  const waiting: Waiting = new Map();
  const listener = createServer({ noDelay: true }, (socket) => readAnswer(socket, waiting));
  await once(listener.listen(0, "127.0.0.1"), "listening");
  const address = `127.0.0.1:${(listener.address() as AddressInfo).port}`;

  const call = async (request: BenchRequest): Promise<number> => {
    const subject = randomUUID();
    const answer = new Promise<number>((resolve) => waiting.set(subject, { resolve }));
    await carrier.send(encodeRequest({ address, subject }, request, room));
    return answer;
  };
  const open = async (request: BenchRequest): Promise<() => void> => {
    const subject = randomUUID();
    const { promise, resolve } = Promise.withResolvers<() => void>();
    const onItem = (socket: Socket): void => resolve(() => socket.destroy());
    waiting.set(subject, { resolve: () => undefined, onItem });
    await carrier.send(encodeRequest({ address, subject }, request, room));
    return promise;
  };
  return {
    unary: call,
    stream: call,
    open,
    async close() {
      listener.close();
      await carrier.close();
    },
  };
}

/** `room | prefix | control message | request`. */
function encodeRequest({ address, subject }: Home, request: BenchRequest, room: number): Buffer {
  const id = randomUUID();
  const info = JSON.stringify({ address, subject, context: id, stream_type: "response" });
  const connectionInfo = { transport: "tcp_server", info };
  const header = JSON.stringify({
    id,
    request_type: "single_in",
    response_type: "many_out",
    payload_codec: "json",
    connection_info: connectionInfo,
  });
  const body = JSON.stringify(request);
  const bytes = Buffer.allocUnsafe(room + PREFIX_BYTES + header.length + body.length);
  putPrefix(bytes, room, header.length, body.length);
  bytes.write(header, room + PREFIX_BYTES);
  bytes.write(body, room + PREFIX_BYTES + header.length);
  return bytes;
}

interface Frame {
  readonly data?: { readonly data: BenchItem };
  readonly complete_final: boolean;
}

/** Handshake, prologue, items, final, sentinel. */
function readAnswer(socket: Socket, waiting: Waiting): void {
  let rest: Buffer | undefined;
  let subject = "";
  let items = 0;
  let whole = false;

  const header = (text: string): void => {
    if (text === '"sentinel"') {
      socket.destroy();
      if (whole) waiting.get(subject)?.resolve(items);
      waiting.delete(subject);
    } else if (subject === "") {
      ({ subject } = JSON.parse(text) as { subject: string });
    }
  };
  const body = (text: string): void => {
    const { data, complete_final: final } = JSON.parse(text) as Frame;
    waiting.get(subject)?.onItem?.(socket);
    if (final) whole = true;
    else if (data?.data.index !== items++) throw new Error("An item is out of order");
  };
  socket.on("data", (chunk: Buffer) => {
    const bytes = rest ? Buffer.concat([rest, chunk]) : chunk;
    let start = 0;
    while (bytes.length - start >= PREFIX_BYTES) {
      const { bodyStart, end } = boundsAt(bytes, start);
      if (end > bytes.length) break;
      if (end > bodyStart) body(bytes.toString("utf8", bodyStart, end));
      else header(bytes.toString("utf8", start + PREFIX_BYTES, bodyStart));
      start = end;
    }
    rest = start < bytes.length ? bytes.subarray(start) : undefined;
  });
}
