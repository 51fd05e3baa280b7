/** Nothing keeps a process alive when all is closed, and what can't be opened says why. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { memoryDiscovery } from "@dynamo/discovery";
import { createNetworkManager } from "@dynamo/request-plane-core";
import { tcp } from "@dynamo/request-plane-tcp";
import { describeWithNats, natsServer } from "@dynamo/nats-server/vitest";
import { expect, onTestFinished, test } from "vitest";
import { eventPlaneFromEnv, parseEventPlaneMode } from "../src/index.ts";
import { zmqEvents } from "../src/zmq/index.ts";
import { jetStreamServer } from "./support/jetstream.ts";
import { GENERATE } from "./support/world.ts";

const run = promisify(execFile);
const program = new URL("support/lifecycle.ts", import.meta.url).pathname;

test("a process that used ZMQ ends by itself", async () => {
  expect(await run(process.execPath, [program, "zmq"], { timeout: 50_000 })).toMatchObject({ stderr: "" });
});

describeWithNats("with NATS", () => {
  test("a process that used it ends by itself, and leaves nothing behind", async () => {
    const server = await jetStreamServer();
    for (const mode of ["nats", "jetstream"]) {
      const args = [program, mode, server.url];
      expect(await run(process.execPath, args, { timeout: 50_000 })).toMatchObject({ stderr: "" });
    }
  });
});

describeWithNats("at the start of a program", () => {
  test("what can't carry events is an error that says what to set", async () => {
    const server = await natsServer();
    const manager = createNetworkManager({ transports: [tcp()], discovery: memoryDiscovery() });
    onTestFinished(() => manager.close());
    const connect = async (mode: string): Promise<void> => {
      const plane = await eventPlaneFromEnv({ manager, mode, environment: { NATS_SERVER: server.url } });
      onTestFinished(() => plane.close());
      await plane.connect();
    };
    await connect("zmq");
    await connect("nats");
    await expect(connect("jetstream")).rejects.toMatchObject({
      code: "invalid_configuration",
      message: expect.stringContaining("has no JetStream: start it with -js") as string,
    });
    await server.kill("SIGKILL");
    for (const mode of ["nats", "jetstream"]) {
      await expect(connect(mode)).rejects.toMatchObject({
        code: "cannot_connect",
        message: expect.stringContaining("set NATS_SERVER") as string,
      });
    }
  });
});

test("the event plane is chosen by name", async () => {
  expect(parseEventPlaneMode(" ZMQ ")).toBe("zmq");
  const manager = createNetworkManager({ transports: [tcp()], discovery: memoryDiscovery() });
  onTestFinished(() => manager.close());
  const choose = async (mode?: string, environment = {}): Promise<string> =>
    (await eventPlaneFromEnv({ manager, mode, environment })).name;
  expect(await choose()).toBe("zmq");
  expect(await choose(undefined, { DYN_EVENT_PLANE: "nats" })).toBe("nats");
  expect(await choose("jetstream", { DYN_EVENT_PLANE: "nats" })).toBe("jetstream");
  await expect(choose("kafka")).rejects.toMatchObject({
    code: "invalid_configuration",
    message: "Invalid event plane 'kafka'. Valid options are: 'zmq', 'nats', 'jetstream'",
  });
});

test("an address of another host can't be listened on, which names the setting", async () => {
  const transport = zmqEvents({ host: "192.0.2.1", environment: {} });
  await expect(transport.publisher(GENERATE, "kv-events")).rejects.toMatchObject({
    code: "invalid_configuration",
    facts: { setting: "DYN_EVENT_PLANE_ZMQ_HOST" },
  });
  expect(() => zmqEvents({ advertiseHost: "0.0.0.0", environment: {} })).toThrow("advertised");
});
