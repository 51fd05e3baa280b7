/**
 * The yardstick: what Dynamo's wire asks for, in as little code as does it. No time-outs, no back pressure, no
 * handling of errors.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import type { Subject, SubjectClient } from "../subject.ts";
import type { BenchItem, BenchRequest } from "../workload.ts";
import { boundsAt, PREFIX_BYTES, putPrefix } from "./call-home-frames.ts";

export const callHome: Subject = {
  name: "call-home",
  what: "bare node:net, the same frames as Dynamo's TCP plane and nothing around them",
  serverProgram: new URL("call-home-server.ts", import.meta.url),

  async connect(port) {
    const requests = connect({ host: "127.0.0.1", port, noDelay: true });
    await once(requests, "connect");
    return await listenForAnswers(requests);
  },
};

/** Called with the number of items when an answer is whole. */
type Waiting = Map<string, (items: number) => void>;

async function listenForAnswers(requests: Socket): Promise<SubjectClient> {
  const waiting: Waiting = new Map();
  const listener = createServer({ noDelay: true }, (socket) => readAnswer(socket, waiting));
  await once(listener.listen(0, "127.0.0.1"), "listening");
  const address = `127.0.0.1:${(listener.address() as AddressInfo).port}`;
  const send = joinedWrites(requests);
  // Acknowledgements mean nothing without errors.
  requests.resume();

  const call = (request: BenchRequest): Promise<number> => {
    const subject = randomUUID();
    send(encodeRequest(address, subject, request));
    return new Promise((resolve) => waiting.set(subject, resolve));
  };
  return {
    unary: call,
    stream: call,
    async close() {
      requests.destroy();
      listener.close();
    },
  };
}

/** Writes of one tick leave together. */
function joinedWrites(socket: Socket): (bytes: Buffer) => void {
  return (bytes) => {
    if (socket.writableCorked === 0) {
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    socket.write(bytes);
  };
}

/** `u32 length | prefix | control message | request`. */
function encodeRequest(address: string, subject: string, request: BenchRequest): Buffer {
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
  const length = PREFIX_BYTES + header.length + body.length;
  const bytes = Buffer.allocUnsafe(4 + length);
  bytes.writeUInt32BE(length, 0);
  putPrefix(bytes, 4, header.length, body.length);
  bytes.write(header, 4 + PREFIX_BYTES);
  bytes.write(body, 4 + PREFIX_BYTES + header.length);
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
      if (whole) waiting.get(subject)?.(items);
      waiting.delete(subject);
    } else if (subject === "") {
      ({ subject } = JSON.parse(text) as { subject: string });
    }
  };
  const body = (text: string): void => {
    const { data, complete_final: final } = JSON.parse(text) as Frame;
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
