/**
 * The yardstick: what Dynamo's wire asks for, in as little code as does it. No time-outs, no back pressure, no
 * handling of errors.
 */
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { NodeSubject } from "../subject.ts";
import { callHomeClient } from "./call-home-client.ts";
import { LENGTH_BYTES } from "./call-home-frames.ts";

export const callHome: NodeSubject = {
  name: "call-home",
  what: "bare node:net, the same frames as Dynamo's TCP plane and nothing around them",
  serverProgram: new URL("call-home-server.ts", import.meta.url),

  async connect(port) {
    const requests = connect({ host: "127.0.0.1", port: Number(port), noDelay: true });
    await once(requests, "connect");
    const write = joinedWrites(requests);
    // Acknowledgements mean nothing without errors.
    requests.resume();
    return await callHomeClient({
      room: LENGTH_BYTES,
      send(bytes) {
        bytes.writeUInt32BE(bytes.length - LENGTH_BYTES, 0);
        write(bytes);
        return undefined;
      },
      close: async () => void requests.destroy(),
    });
  },
};

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
