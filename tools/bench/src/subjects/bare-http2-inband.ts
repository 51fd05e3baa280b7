/**
 * The yardstick for responses in the body of their own HTTP/2 stream: a POST on one session, answered with a line of
 * JSON for each item.
 */
import { once } from "node:events";
import { connect } from "node:http2";
import type { ClientHttp2Session } from "node:http2";
import type { NodeSubject } from "../subject.ts";
import type { BenchItem, BenchRequest } from "../workload.ts";
import { WINDOW_BYTES } from "./bare-http2.ts";

export const bareHttp2Inband: NodeSubject = {
  name: "bare-http2-inband",
  what: "bare node:http2, requests and responses as bodies of one session's streams",
  serverProgram: new URL("bare-http2-inband-server.ts", import.meta.url),

  async connect(port) {
    const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: WINDOW_BYTES } });
    await once(session, "connect");
    session.setLocalWindowSize(WINDOW_BYTES);
    const call = (request: BenchRequest): Promise<number> => post(session, request);
    return { unary: call, stream: call, close: async () => session.destroy() };
  },
};

function post(session: ClientHttp2Session, request: BenchRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":method": "POST", ":path": "/v1/rpc/generate" });
    let rest = "";
    let items = 0;
    stream.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString("latin1")).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const { index } = JSON.parse(line) as BenchItem;
        if (index !== items++) reject(new Error(`Item ${index} is out of order`));
      }
    });
    stream.on("end", () => resolve(items));
    stream.on("error", reject).end(JSON.stringify(request), "latin1");
  });
}
