import { once } from "node:events";
import { createServer } from "node:http2";
import type { Http2Session, ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import type { EndpointRecord } from "@dynamo/request-plane-core";
import { idOf } from "@dynamo/test-world";
import type { KindAndBody } from "@dynamo/test-world";
import { bodyFrame, IN_BAND } from "./in-band-frames.ts";
import type { World } from "./world.ts";

export type InBandScript = (stream: ServerHttp2Stream, request: ReceivedRequest) => void;

export interface ReceivedRequest {
  readonly type: string;
  readonly body: Buffer;
  /** From 0. */
  readonly index: number;
  readonly stream: ServerHttp2Stream;
}

/** A worker of bare HTTP/2 that offers in-band responses, and does with each request what its script says. */
export class RawInBandWorker {
  readonly requests: ReceivedRequest[] = [];
  readonly record: EndpointRecord;
  readonly #sessions = new Set<Http2Session>();

  private constructor(port: number) {
    this.record = {
      type: "Endpoint",
      namespace: "test",
      component: "backend",
      endpoint: "generate",
      instance_id: idOf(1),
      transport: { http: `http://127.0.0.1:${port}/v1/rpc/generate` },
      response_transports: ["http_inband"],
    };
  }

  static async start(world: World, script: InBandScript): Promise<RawInBandWorker> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const worker = new RawInBandWorker((server.address() as AddressInfo).port);
    server.on("session", (session) => {
      worker.#sessions.add(session);
      session.on("error", () => undefined).once("close", () => worker.#sessions.delete(session));
    });
    server.on("stream", (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on("error", () => undefined).on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const index = worker.requests.length;
        const type = headers["content-type"] ?? "";
        const request = { type, body: Buffer.concat(chunks), index, stream };
        worker.requests.push(request);
        script(stream, request);
      });
    });
    world.onEnd(async () => {
      for (const session of worker.#sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    world.discovery.put(worker.record);
    return worker;
  }

  get open(): number {
    return this.#sessions.size;
  }

  of(type: string): ReceivedRequest[] {
    return this.requests.filter((request) => request.type === type);
  }
}

/** Begins to answer in-band. */
export function begin(stream: ServerHttp2Stream): ServerHttp2Stream {
  stream.respond({ ":status": 200, "content-type": IN_BAND });
  return stream;
}

/** Answers every request with these frames, and ends. */
export function answering(...frames: readonly KindAndBody[]): InBandScript {
  return (stream, { type }) => {
    if (type === IN_BAND)
      begin(stream).end(Buffer.concat(frames.map(([kind, body]) => bodyFrame(kind, body))));
    else stream.respond({ ":status": 204 }, { endStream: true });
  };
}
