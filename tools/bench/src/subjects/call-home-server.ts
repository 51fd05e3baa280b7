import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { runServer } from "../program.ts";
import { answerAtHome } from "./call-home-answer.ts";
import { ACK_BYTES, LENGTH_BYTES } from "./call-home-frames.ts";

runServer(async () => {
  const server = createServer({ noDelay: true }, readRequests);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { address: String((server.address() as AddressInfo).port), close: async () => void server.close() };
});

function readRequests(socket: Socket): void {
  let rest: Buffer | undefined;
  socket.on("data", (chunk: Buffer) => {
    const bytes = rest ? Buffer.concat([rest, chunk]) : chunk;
    let start = 0;
    let requests = 0;
    while (bytes.length - start >= LENGTH_BYTES) {
      const end = start + LENGTH_BYTES + bytes.readUInt32BE(start);
      if (end > bytes.length) break;
      answerAtHome(bytes, start + LENGTH_BYTES);
      requests += 1;
      start = end;
    }
    rest = start < bytes.length ? bytes.subarray(start) : undefined;
    if (requests > 0) socket.write(Buffer.alloc(ACK_BYTES * requests));
  });
}
