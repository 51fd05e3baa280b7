import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeCallHomeInfo } from "../src/call-home/connection-info.ts";
import { CallHomeConnector } from "../src/call-home/connector.ts";
import type { ResponseWriter } from "../src/response-plane.ts";
import { ending } from "./support/ending.ts";

const STALL_MS = 300;
const ITEM = JSON.stringify({ data: { data: "x".repeat(64 * 1024) }, complete_final: false });

let caller: Server;
let accepted: Promise<[Socket]>;

beforeEach(async () => {
  caller = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
  accepted = once(caller, "connection") as Promise<[Socket]>;
  await once(caller, "listening");
});

afterEach(async () => {
  (await accepted)[0].destroy();
  caller.close();
});

function connect(connector: CallHomeConnector) {
  const address = `127.0.0.1:${(caller.address() as AddressInfo).port}`;
  return connector.connect(encodeCallHomeInfo({ address, subject: "s", context: "id" }), "id");
}

/** Writes until the buffers of the system are full on both sides. */
async function fill(writer: ResponseWriter): Promise<void> {
  let isFull = false;
  while (!isFull) {
    while (writer.write(ITEM));
    isFull = await Promise.race([writer.drained().then(() => false), sleep(100, true)]);
  }
}

describe("a caller that reads nothing", () => {
  it("is given up in the middle of a response, and its request is killed", async () => {
    const connector = new CallHomeConnector(STALL_MS);
    const writer = connect(connector);
    const killed = new Promise((resolve) => (writer.controlled = { control: resolve }));
    writer.prologue();
    await fill(writer);
    expect(await killed).toBe("kill");
    await expect(ending(writer)).rejects.toMatchObject({ code: "disconnected" });
    expect(connector.size).toBe(0);
  });

  it("is given up when the end waits to be read", async () => {
    const connector = new CallHomeConnector(STALL_MS);
    const writer = connect(connector);
    writer.prologue();
    await fill(writer);
    await expect(ending(writer)).rejects.toMatchObject({ code: "disconnected" });
    expect(connector.size).toBe(0);
  });

  it("gets all of it when it reads later than a closing caller may take", async () => {
    const connector = new CallHomeConnector(60_000);
    const writer = connect(connector);
    writer.prologue();
    await fill(writer);
    const ended = ending(writer);
    // A caller that has read everything has ten seconds to close.
    await sleep(11_000);
    const [socket] = await accepted;
    let last = "";
    socket.on("data", (chunk: Buffer) => (last = (last + chunk.toString("latin1")).slice(-10))).resume();
    await expect.poll(() => last).toBe('"sentinel"');
    socket.end();
    await ended;
  });
});
