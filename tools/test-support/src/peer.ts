import { once } from "node:events";
import { connect } from "node:net";

export type Ending = "FIN" | "RST";

/** Connects, sends the bytes, ends in the given way, and resolves with what came back when all is closed. */
export async function sendAndEnd(port: number, bytes: Buffer, ending: Ending): Promise<Buffer> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const received: Buffer[] = [];
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.on("data", (chunk: Buffer) => received.push(chunk));
  // The other side may have had enough before all is written.
  socket.on("error", () => socket.destroy());
  let timedOut = false;
  socket.setTimeout(10_000, () => {
    timedOut = true;
    socket.destroy();
  });
  await once(socket, "connect");
  const half = bytes.length >> 1;
  socket.write(bytes.subarray(0, half));
  if (ending === "FIN") socket.end(bytes.subarray(half));
  else socket.write(bytes.subarray(half), () => socket.resetAndDestroy());
  await closed;
  if (timedOut) throw new Error("The other side doesn't close");
  return Buffer.concat(received);
}
