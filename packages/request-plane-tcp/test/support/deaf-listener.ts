import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { World } from "./world.ts";

/** A thread that listens and then never takes a connection from its queue. */
const THREAD = `
  const { createServer } = require("node:net");
  const { parentPort } = require("node:worker_threads");
  const server = createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0), 1);
  });
`;

/** The port of a listener whose queue is full: connections to it are neither made nor refused. */
export async function deafListener(world: World): Promise<number> {
  const thread = new Worker(THREAD, { eval: true });
  const [port] = (await once(thread, "message")) as [number];
  const sockets: Socket[] = [];
  world.onEnd(async () => {
    for (const socket of sockets) socket.destroy();
    await thread.terminate();
  });
  // The thread may take a connection or two before it falls asleep.
  for (let waiting = 0; waiting < 2; waiting = sockets.filter(({ connecting }) => connecting).length) {
    if (sockets.length > 50) throw new Error("The listener's queue never fills");
    sockets.push(connect(port, "127.0.0.1").on("error", () => undefined));
    await sleep(20);
  }
  return port;
}
