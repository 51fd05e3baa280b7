import { once } from "node:events";
import { createServer } from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { runServer } from "../program.ts";
import { WINDOW_BYTES } from "./bare-http2.ts";
import { answerAtHome } from "./call-home-answer.ts";

runServer(async () => {
  const server = createServer();
  server.on("session", (session) => session.setLocalWindowSize(WINDOW_BYTES)).on("stream", readRequest);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { address: String((server.address() as AddressInfo).port), close: async () => void server.close() };
});

function readRequest(stream: ServerHttp2Stream): void {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("end", () => {
    stream.respond({ ":status": 202 }, { endStream: true });
    answerAtHome(Buffer.concat(chunks));
  });
}
