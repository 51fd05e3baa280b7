import { once } from "node:events";
import { createServer } from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { runServer } from "../program.ts";
import { itemAt } from "../workload.ts";
import type { BenchRequest } from "../workload.ts";
import { WINDOW_BYTES } from "./bare-http2.ts";

runServer(async () => {
  const server = createServer();
  server.on("session", (session) => session.setLocalWindowSize(WINDOW_BYTES)).on("stream", answer);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { address: String((server.address() as AddressInfo).port), close: async () => void server.close() };
});

function answer(stream: ServerHttp2Stream): void {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("end", () => {
    const { items } = JSON.parse(Buffer.concat(chunks).toString("latin1")) as BenchRequest;
    let lines = "";
    for (let index = 0; index < items; index++) lines += `${JSON.stringify(itemAt(index))}\n`;
    stream.respond({ ":status": 200 });
    stream.end(lines, "latin1");
  });
}
