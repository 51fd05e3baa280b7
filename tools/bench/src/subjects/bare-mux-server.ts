import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { runServer } from "../program.ts";
import { itemAt } from "../workload.ts";
import type { BenchRequest } from "../workload.ts";
import { END, FrameWriter, ITEM, readFrames } from "./mux-frames.ts";

runServer(async () => {
  const server = createServer({ noDelay: true }, answerRequests);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { address: String((server.address() as AddressInfo).port), close: async () => void server.close() };
});

function answerRequests(socket: Socket): void {
  const writer = new FrameWriter(socket);
  readFrames(socket, (call, _kind, body) => {
    const { items, hold } = JSON.parse(body) as BenchRequest;
    for (let index = 0; index < items; index++) writer.put(call, ITEM, JSON.stringify(itemAt(index)));
    if (!hold) writer.put(call, END, "");
  });
}
