import { connect } from "node:net";
import { once } from "node:events";
import { expect, it } from "vitest";
import { startNatsServer } from "../src/index.ts";
import { describeWithNats } from "../src/vitest.ts";

describeWithNats("a server", () => {
  it("listens on a port of its own, and on the same one after it was killed", async () => {
    await using server = await startNatsServer({ maxPayload: 2_000 });
    const { port, pid } = server;
    expect(await infoOf(port)).toMatchObject({ port, max_payload: 2_000 });
    await server.kill("SIGKILL");
    await expect(infoOf(port)).rejects.toThrow("ECONNREFUSED");
    await server.start();
    expect(server.pid).not.toBe(pid);
    expect(await infoOf(server.port)).toMatchObject({ port, max_payload: 2_000 });
  });

  it("does not start twice", async () => {
    await using server = await startNatsServer();
    const { pid } = server;
    await expect(server.start()).rejects.toThrow("nats-server runs already");
    expect(server.pid).toBe(pid);
  });

  it("takes other settings while it runs", async () => {
    await using server = await startNatsServer({ maxPayload: 2_000 });
    const { pid } = server;
    await server.reload({ maxPayload: 3_000 });
    expect(await infoOf(server.port)).toMatchObject({ max_payload: 3_000 });
    expect(server.pid).toBe(pid);
  });

  it("is gone at the end, even when it was stopped in its tracks", async () => {
    const server = await startNatsServer();
    const { pid } = server;
    const ended = server.ended();
    await server.kill("SIGSTOP");
    await server[Symbol.asyncDispose]();
    await ended;
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });

  it("says why it doesn't start", async () => {
    await expect(startNatsServer({ lines: ["no_such_setting: 1"] })).rejects.toThrow("no_such_setting");
  });
});

/** What the server says first on a new connection. */
async function infoOf(port: number): Promise<unknown> {
  const socket = connect(port, "127.0.0.1");
  try {
    const [line] = (await once(socket, "data")) as [Buffer];
    return JSON.parse(line.toString().replace(/^INFO /, ""));
  } finally {
    socket.destroy();
  }
}
