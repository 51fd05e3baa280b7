import { createNetworkManager } from "@dynamo/request-plane-core";
import type { Environment } from "@dynamo/request-plane-core";
import { describe, expect, it } from "vitest";
import { tcp, TCP_SETTINGS } from "../src/index.ts";
import { deafListener } from "./support/deaf-listener.ts";
import { LocalDiscovery } from "@dynamo/test-world";
import { recordOf, ScriptedWorker } from "./support/scripted-worker.ts";
import { until } from "@dynamo/test-support";
import { freePort } from "@dynamo/test-support/free-port";
import { addressOf, collect, failureOf, idOf, NAME, recordingLogger } from "@dynamo/test-world";
import { connectionsOf, World } from "./support/world.ts";
import type { Caller } from "@dynamo/test-world";

/** A manager whose settings come from the environment alone. */
function fromEnvironment(world: World, environment: Environment): ReturnType<typeof createNetworkManager> {
  const manager = createNetworkManager({
    transports: [tcp({ environment })],
    discovery: world.discovery,
    environment: { DYN_TCP_RESPONSE_STREAM_HOST: "127.0.0.1", ...environment },
    logger: recordingLogger().logger,
  });
  world.onEnd(() => manager.close({ drainMs: 0 }));
  return manager;
}

async function clientOf(world: World, environment: Environment): Promise<Caller<unknown, unknown>> {
  const manager = fromEnvironment(world, environment);
  const client = manager.endpoint(NAME).client();
  await client.waitForInstances({ count: world.discovery.size, timeoutMs: 5_000 });
  return { manager, client };
}

describe("the settings of the guide take effect:", () => {
  it("DYN_TCP_RPC_HOST is listened on and advertised", async () => {
    await using world = new World();
    const manager = fromEnvironment(world, { DYN_TCP_RPC_HOST: "127.0.0.2", DYN_TCP_RPC_PORT: "0" });
    const { instance } = await manager.endpoint(NAME).serve(() => [1]);
    expect(addressOf(instance)).toMatch(/^127\.0\.0\.2:/);
    const { client } = await clientOf(world, {});
    expect(await collect(client.roundRobin({}))).toEqual([1]);
  });

  it("DYN_TCP_PATH_FORM is the form of what is advertised", async () => {
    await using world = new World();
    const listening = { DYN_TCP_RPC_HOST: "127.0.0.1", DYN_TCP_RPC_PORT: "0" };
    const manager = fromEnvironment(world, { ...listening, DYN_TCP_PATH_FORM: "0.7" });
    const { instance } = await manager.endpoint(NAME).serve(() => [1]);
    expect(addressOf(instance)).toMatch(/^127\.0\.0\.1:\d+\/[^/]+$/);
    const { client } = await clientOf(world, {});
    expect(await collect(client.roundRobin({}))).toEqual([1]);
  });

  it("DYN_TCP_RPC_PORT is listened on and advertised", async () => {
    await using world = new World();
    const port = await freePort();
    const manager = fromEnvironment(world, { DYN_TCP_RPC_HOST: "127.0.0.1", DYN_TCP_RPC_PORT: String(port) });
    const { instance } = await manager.endpoint(NAME).serve(() => [1]);
    expect(addressOf(instance)).toMatch(new RegExp(`^127\\.0\\.0\\.1:${port}/`));
    const { client } = await clientOf(world, {});
    expect(await collect(client.roundRobin({}))).toEqual([1]);
  });

  it("DYN_TCP_MAX_MESSAGE_SIZE bounds requests, byte for byte: the limit itself passes", async () => {
    await using world = new World();
    await world.worker((text: string) => [text.length], {
      environment: { DYN_TCP_MAX_MESSAGE_SIZE: "4000" },
    });
    const limited = await clientOf(world, {
      DYN_TCP_MAX_MESSAGE_SIZE: "4000",
      DYN_RESPONSE_PLANE: "callhome",
    });
    const unlimited = await clientOf(world, { DYN_RESPONSE_PLANE: "callhome" });
    const id = "0b7a9d52-6d2e-4f4c-9a55-3d3ad2a26a3f";
    const send = ({ client }: typeof limited, length: number) =>
      collect(client.roundRobin("x".repeat(length), { id, headers: { "x-frontend-send-ts-ns": "0" } }));
    const { facts } = await failureOf(send(limited, 5_000));
    const fits = 5_000 - (facts.actual! - 4_000);
    // Frames differ by a digit of the port at most; this caller's own stays.
    for (const length of [fits - 1, fits]) expect(await send(limited, length)).toEqual([length]);
    const error = await failureOf(send(limited, fits + 1));
    expect(error).toMatchObject({
      code: "payload_too_large",
      remote: false,
      facts: { actual: 4_001, limit: 4_000, setting: "DYN_TCP_MAX_MESSAGE_SIZE" },
    });
    expect(error.message).toContain("DYN_TCP_MAX_MESSAGE_SIZE");
    // The worker has a limit of its own.
    expect(await failureOf(send(unlimited, fits + 50))).toMatchObject({
      code: "payload_too_large",
      remote: true,
      facts: { limit: 4_000 },
    });
  });

  it("DYN_TCP_MAX_MESSAGE_SIZE bounds each frame of a response", async () => {
    await using world = new World();
    await world.worker((length: number) => ["x".repeat(length)]);
    const { client } = await clientOf(world, {
      DYN_TCP_MAX_MESSAGE_SIZE: "4000",
      DYN_RESPONSE_PLANE: "callhome",
    });
    const overhead = 24 + '{"data":{"data":""},"complete_final":false}'.length;
    const fits = 4_000 - overhead;
    expect((await collect(client.roundRobin(fits))).map((item) => (item as string).length)).toEqual([fits]);
    expect(await failureOf(client.roundRobin(fits + 1))).toMatchObject({
      code: "payload_too_large",
      facts: { actual: 4_001, limit: 4_000, setting: "DYN_TCP_MAX_MESSAGE_SIZE" },
    });
  });

  it("DYN_TCP_REQUEST_TIMEOUT bounds the wait for the acknowledgement", async () => {
    await using world = new World();
    await ScriptedWorker.start(world, idOf(1), () => undefined);
    const { client } = await clientOf(world, { DYN_TCP_REQUEST_TIMEOUT: "0.25" });
    // The total is shorter than the default, and would win over it.
    const { code, facts } = await failureOf(client.roundRobin({}, { timeouts: { totalMs: 2_500 } }));
    expect({ code, phase: facts.phase, limit: facts.limit, setting: facts.setting }).toEqual({
      code: "deadline_exceeded",
      phase: "acknowledge",
      limit: 250,
      setting: "DYN_TCP_REQUEST_TIMEOUT",
    });
  });

  it("DYN_TCP_CONNECT_TIMEOUT bounds the wait for a connection", async () => {
    await using world = new World();
    world.discovery.put(recordOf(idOf(1), await deafListener(world)));
    const { client } = await clientOf(world, { DYN_TCP_CONNECT_TIMEOUT: "0.25" });
    // The total is shorter than the default, and would win over it.
    const { code, facts } = await failureOf(client.roundRobin({}, { timeouts: { totalMs: 2_500 } }));
    expect({ code, phase: facts.phase, limit: facts.limit, setting: facts.setting }).toEqual({
      code: "deadline_exceeded",
      phase: "connect",
      limit: 250,
      setting: "DYN_TCP_CONNECT_TIMEOUT",
    });
  });

  it("DYN_TCP_CHANNEL_BUFFER says when another connection is made, DYN_TCP_POOL_SIZE how many there are", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), () => undefined);
    const { client, manager } = await clientOf(world, {
      DYN_TCP_CHANNEL_BUFFER: "2",
      DYN_TCP_POOL_SIZE: "3",
      DYN_TCP_REQUEST_TIMEOUT: "5",
    });
    const calls = Array.from({ length: 9 }, (_, i) => client.roundRobin(i).then(collect));
    await until("six requests are out", () => worker.requests.length === 6);
    expect(worker.accepted).toBe(3);
    expect(connectionsOf(manager)).toBe(3);
    expect(manager.health().planes["tcp"]!.pending).toBe(9);
    const perConnection = Map.groupBy(worker.requests, ({ socket }) => socket);
    expect([...perConnection.values()].map((requests) => requests.length)).toEqual([2, 2, 2]);
    // Room for one more on each connection that acknowledges.
    for (let i = 0; i < 9; i += 1) {
      await until(`request ${i} is there`, () => worker.requests.length > i);
      const request = worker.requests[i]!;
      await request.answer(request.payload);
    }
    expect((await Promise.all(calls)).flat().sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(worker.accepted).toBe(3);
  });

  it("DYN_TCP_POOL_SIZE and DYN_TCP_CHANNEL_BUFFER bound the queue too: what is beyond it is refused", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), () => undefined);
    const { client } = await clientOf(world, {
      DYN_TCP_CHANNEL_BUFFER: "1",
      DYN_TCP_POOL_SIZE: "2",
      DYN_TCP_REQUEST_TIMEOUT: "5",
    });
    const calls = Array.from({ length: 5 }, (_, i) => client.roundRobin(i).then(collect));
    const results = Promise.allSettled(calls);
    const full = await failureOf(
      Promise.any(calls.map((call) => call.catch((error: unknown) => error))).then((error) =>
        Promise.reject(error as Error),
      ),
    );
    expect(full).toMatchObject({ code: "overloaded", facts: { limit: 2, setting: "DYN_TCP_POOL_SIZE" } });
    for (let i = 0; i < 4; i += 1) {
      await until(`request ${i} is there`, () => worker.requests.length > i);
      await worker.requests[i]!.answer(worker.requests[i]!.payload);
    }
    expect((await results).filter(({ status }) => status === "fulfilled").length).toBe(4);
  });

  it("without any of them, the defaults are those of the guide", () => {
    const defaults = Object.values(TCP_SETTINGS).map(({ variable, fallback }) => [variable, fallback]);
    expect(Object.fromEntries(defaults)).toMatchObject({
      DYN_TCP_RPC_PORT: 9999,
      DYN_TCP_MAX_MESSAGE_SIZE: 32 * 1024 * 1024,
      DYN_TCP_REQUEST_TIMEOUT: 10_000,
      DYN_TCP_POOL_SIZE: 50,
      DYN_TCP_CONNECT_TIMEOUT: 3_000,
      DYN_TCP_CHANNEL_BUFFER: 100,
    });
    expect(tcp({ environment: {} }).capabilities).toEqual({
      maxMessageBytes: 33_554_432,
      brokered: false,
      inBand: "tcp_inband",
    });
  });
});

describe("a value that can't be used", () => {
  it.each([
    ["DYN_TCP_RPC_PORT", "70000", "9999"],
    ["DYN_TCP_RPC_PORT", "http", "9999"],
    ["DYN_TCP_MAX_MESSAGE_SIZE", "32MB", "33554432"],
    ["DYN_TCP_MAX_MESSAGE_SIZE", "0", "33554432"],
    ["DYN_TCP_REQUEST_TIMEOUT", "-1", "10000"],
    ["DYN_TCP_REQUEST_TIMEOUT", "0", "10000"],
    ["DYN_TCP_POOL_SIZE", "0", "50"],
    ["DYN_TCP_POOL_SIZE", "1.5", "50"],
    ["DYN_TCP_CONNECT_TIMEOUT", "soon", "3000"],
    ["DYN_TCP_CHANNEL_BUFFER", "Infinity", "100"],
  ])("in the environment gives one warning and the default: %s=%s", (variable, value, fallback) => {
    const { logger, warnings } = recordingLogger();
    tcp({ environment: { [variable]: value }, logger });
    expect(warnings.length).toBe(1);
    for (const part of [variable, `'${value}'`, fallback]) expect(warnings[0]).toContain(part);
  });

  it("in the environment leaves the default in force", () => {
    const { logger } = recordingLogger();
    const { capabilities } = tcp({ environment: { DYN_TCP_MAX_MESSAGE_SIZE: "huge" }, logger });
    expect(capabilities.maxMessageBytes).toBe(33_554_432);
  });

  it.each([
    { poolSize: 0 },
    { poolSize: 2.5 },
    { channelBuffer: -1 },
    { port: 70_000 },
    { maxMessageBytes: Number.NaN },
    { maxMessageBytes: 10 },
    { requestTimeoutMs: 0 },
    { connectTimeoutMs: Infinity },
    { idleMs: "5" as unknown as number },
    { host: 127 as unknown as string },
  ])("in code is an error that names the option: %j", (options) => {
    const [name = ""] = Object.keys(options);
    expect(() => tcp({ environment: {}, ...options })).toThrow(
      expect.objectContaining({
        code: "invalid_configuration",
        message: expect.stringContaining(name) as string,
      }),
    );
  });

  it.each([
    { firstItemMs: -1 },
    { callHomePort: 65_536 },
    { engineRequestLimit: 0 },
    { totalMs: Number.NaN },
  ])("in the manager's settings is an error too: %j", (settings) => {
    const options = {
      transports: [tcp({ environment: {} })],
      discovery: new LocalDiscovery(),
      environment: {},
    };
    expect(() => createNetworkManager({ ...options, settings })).toThrow(
      expect.objectContaining({ code: "invalid_configuration" }),
    );
  });
});

describe("options in code", () => {
  it("win over the environment, without a word about it", () => {
    const { logger, warnings } = recordingLogger();
    const environment = { DYN_TCP_MAX_MESSAGE_SIZE: "4096" };
    expect(tcp({ environment, logger, maxMessageBytes: 8192 }).capabilities.maxMessageBytes).toBe(8192);
    expect(tcp({ environment, logger }).capabilities.maxMessageBytes).toBe(4096);
    expect(warnings).toEqual([]);
  });

  it("that are undefined leave the environment's value", () => {
    const environment = { DYN_TCP_MAX_MESSAGE_SIZE: " 4096 " };
    const { capabilities } = tcp({ environment, maxMessageBytes: undefined as unknown as number });
    expect(capabilities.maxMessageBytes).toBe(4096);
  });
});
