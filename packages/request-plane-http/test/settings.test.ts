import { connect } from "node:net";
import { freePort } from "@dynamo/test-support/free-port";
import { describe, expect, test } from "vitest";
import { http, HTTP_SETTINGS } from "../src/index.ts";
import type { HttpOptions } from "../src/index.ts";
import { calling, request, served } from "./support/plane.ts";
import {
  ACK,
  acknowledgement,
  HEADERS,
  INITIAL_WINDOW_SIZE,
  MAX_CONCURRENT_STREAMS,
  MAX_FRAME_SIZE,
  PING,
  rawCaller,
  RawWorker,
  SETTINGS,
  settingsIn,
  WINDOW_UPDATE,
} from "./support/raw-http2.ts";
import type { RawConnection } from "./support/raw-http2.ts";
import { until } from "@dynamo/test-support";
import { failureOf, recordingLogger } from "@dynamo/test-world";

/** What a raw peer sees of a caller and of a worker with these settings. */
async function seenOf(environment: Record<string, string>): Promise<RawConnection[]> {
  const options: HttpOptions = { environment };
  await using worker = await RawWorker.start((connection, stream) =>
    connection.send(acknowledgement(stream)),
  );
  await using client = calling(options);
  await client.deliver(request(worker.address));
  await using plane = await served(options);
  const caller = rawCaller(plane.address);
  await caller.next(SETTINGS);
  // Everything sent before the answer to our own SETTINGS is here by now.
  await until("the settings are acknowledged", () => caller.of(SETTINGS).some(({ flags }) => flags === ACK));
  caller.socket.destroy();
  return [worker.connections[0]!, caller];
}

function announced(connection: RawConnection, id: number): number | undefined {
  return settingsIn(connection.of(SETTINGS)[0]!).get(id);
}

/** Requests that the worker doesn't answer until it is told to. */
async function heldWorker() {
  const held: (() => void)[] = [];
  const worker = await RawWorker.start((connection, stream) => {
    held.push(() => connection.send(acknowledgement(stream)));
  });
  const answerAll = (): void => {
    for (const answer of held.splice(0)) answer();
  };
  return { worker, held, answerAll };
}

describe("DYN_HTTP2_MAX_FRAME_SIZE", () => {
  test.each([
    [{}, 1_048_576],
    [{ DYN_HTTP2_MAX_FRAME_SIZE: "65536" }, 65_536],
  ])("is announced by caller and worker: %j", async (environment, expected) => {
    for (const peer of await seenOf(environment)) expect(announced(peer, MAX_FRAME_SIZE)).toBe(expected);
  });
});

describe("DYN_HTTP2_ADAPTIVE_WINDOW", () => {
  test("opens wide windows by default", async () => {
    for (const peer of await seenOf({})) {
      expect(announced(peer, INITIAL_WINDOW_SIZE)).toBe(1024 * 1024);
      const [update] = peer.of(WINDOW_UPDATE);
      expect(update).toMatchObject({ stream: 0 });
      expect(65_535 + update!.payload.readUInt32BE(0)).toBe(16 * 1024 * 1024);
    }
  });

  test("leaves HTTP/2's own windows when it is off", async () => {
    for (const peer of await seenOf({ DYN_HTTP2_ADAPTIVE_WINDOW: "false" })) {
      expect(announced(peer, INITIAL_WINDOW_SIZE) ?? 65_535).toBe(65_535);
      expect(peer.of(WINDOW_UPDATE)).toEqual([]);
    }
  });
});

describe("DYN_HTTP2_MAX_CONCURRENT_STREAMS", () => {
  test.each([
    [{}, 1000],
    [{ DYN_HTTP2_MAX_CONCURRENT_STREAMS: "7" }, 7],
  ])("is announced by the worker: %j", async (environment, expected) => {
    const [, caller] = await seenOf(environment);
    expect(announced(caller!, MAX_CONCURRENT_STREAMS)).toBe(expected);
  });

  test("bounds what a caller sends on one connection", async () => {
    const { worker, held, answerAll } = await heldWorker();
    await using _ = worker;
    await using client = calling({ environment: { DYN_HTTP2_MAX_CONCURRENT_STREAMS: "2" } });
    const deliveries = Array.from({ length: 6 }, () => client.deliver(request(worker.address)));
    await until("all are sent", () => held.length === 6);
    expect(worker.connections.map((connection) => connection.of(HEADERS).length)).toEqual([2, 2, 2]);
    answerAll();
    await Promise.all(deliveries);
  });

  test("of the worker binds its callers from the first burst on", async () => {
    await using plane = await served({ maxConcurrentStreams: 1 });
    await using client = calling();
    await Promise.all(Array.from({ length: 20 }, () => client.deliver(request(plane.address))));
    expect(plane.requests).toHaveLength(20);
  });
});

describe("The pool", () => {
  async function burst(environment: Record<string, string>, expected: number): Promise<void> {
    const { worker, held, answerAll } = await heldWorker();
    await using _ = worker;
    await using client = calling({ environment: { DYN_HTTP2_MAX_CONCURRENT_STREAMS: "1", ...environment } });
    const deliveries = Array.from({ length: 5 }, () => client.deliver(request(worker.address)));
    await until("all are sent", () => held.length === 5);
    expect(worker.open).toBe(5);
    answerAll();
    await Promise.all(deliveries);
    await until("the rest is closed", () => worker.open === expected);
    expect(client.health().connections).toBe(expected);
  }

  test("keeps unused connections, as many as DYN_HTTP2_POOL_MAX_IDLE_PER_HOST says", async () => {
    await burst({}, 5);
    await burst({ DYN_HTTP2_POOL_MAX_IDLE_PER_HOST: "2" }, 2);
    await burst({ DYN_HTTP2_POOL_MAX_IDLE_PER_HOST: "0" }, 0);
  });

  test("closes them after DYN_HTTP2_POOL_IDLE_TIMEOUT_SECS", async () => {
    await using worker = await RawWorker.start((connection, stream) =>
      connection.send(acknowledgement(stream)),
    );
    await using lasting = calling();
    await using brief = calling({ environment: { DYN_HTTP2_POOL_IDLE_TIMEOUT_SECS: "0.05" } });
    await lasting.deliver(request(worker.address));
    await brief.deliver(request(worker.address));
    expect(worker.connections).toHaveLength(2);
    await until("one is closed", () => worker.open === 1);
    expect([lasting.health().connections, brief.health().connections]).toEqual([1, 0]);
    await brief.deliver(request(worker.address));
    expect(worker.connections).toHaveLength(3);
  });
});

describe("DYN_HTTP2_KEEP_ALIVE_INTERVAL_SECS", () => {
  const environment = { DYN_HTTP2_KEEP_ALIVE_INTERVAL_SECS: "0.02" };

  test("is how often caller and worker ping", async () => {
    await using worker = await RawWorker.start((connection, stream) =>
      connection.send(acknowledgement(stream)),
    );
    await using client = calling({ environment });
    await client.deliver(request(worker.address));
    await until("the caller pings", () => worker.connections[0]!.of(PING).length > 3);
    await using plane = await served({ environment });
    const caller = rawCaller(plane.address);
    await until("the worker pings", () => caller.of(PING).length > 3);
    caller.socket.destroy();
    expect(worker.open).toBe(1);
  });

  test("of 0 sends none", async () => {
    const none = { DYN_HTTP2_KEEP_ALIVE_INTERVAL_SECS: "0" };
    await using worker = await RawWorker.start((connection, stream) =>
      connection.send(acknowledgement(stream)),
    );
    await using quiet = calling({ environment: none });
    await using pinging = calling({ environment });
    await quiet.deliver(request(worker.address));
    await pinging.deliver(request(worker.address));
    await until("the other one pings", () => worker.connections[1]!.of(PING).length > 5);
    expect(worker.connections[0]!.of(PING)).toEqual([]);
  });
});

describe("DYN_HTTP2_KEEP_ALIVE_TIMEOUT_SECS", () => {
  const environment = {
    DYN_HTTP2_KEEP_ALIVE_INTERVAL_SECS: "0.02",
    DYN_HTTP2_KEEP_ALIVE_TIMEOUT_SECS: "0.05",
    DYN_HTTP_REQUEST_TIMEOUT: "15",
  };

  test("ends the requests of a worker that answers no pings", async () => {
    await using worker = await RawWorker.start((connection) => (connection.isPolite = false));
    await using client = calling({ environment });
    const error = await failureOf(client.deliver(request(worker.address)));
    expect(error).toMatchObject({ code: "disconnected", facts: { address: worker.address } });
    await until("the connection is closed", () => worker.open === 0);
  });

  test("is waited for: the default keeps the connection", async () => {
    await using worker = await RawWorker.start((connection, stream, index) => {
      connection.isPolite = false;
      if (index === 0) setTimeout(() => connection.send(acknowledgement(stream)), 300);
    });
    await using client = calling({ environment: { DYN_HTTP2_KEEP_ALIVE_INTERVAL_SECS: "0.02" } });
    await client.deliver(request(worker.address));
    expect(worker.open).toBe(1);
  });

  test("closes the connection of a caller that answers no pings", async () => {
    await using plane = await served({ environment });
    const caller = rawCaller(plane.address);
    await until("it is connected", () => plane.server.health().connections === 1);
    caller.isPolite = false;
    await until("it is closed", () => plane.server.health().connections === 0);
    caller.socket.destroy();
  });
});

test("DYN_HTTP_RPC_* say where a worker listens and what callers are told", async () => {
  const port = await freePort();
  const environment = {
    DYN_HTTP_RPC_HOST: "localhost",
    DYN_HTTP_RPC_PORT: String(port),
    DYN_HTTP_RPC_ROOT_PATH: "/another/root",
  };
  for (const more of [{}, { DYN_HTTP_RPC_ADVERTISE_HOST: "advertised.example" }]) {
    const { logger } = recordingLogger();
    const server = http({ environment: { ...environment, ...more }, logger }).createServer({ logger });
    await server.start();
    const name = { namespace: "test", component: "backend", endpoint: "generate", instanceId: 1n };
    const address = await server.register({ ...name, accept: () => undefined });
    const host = more.DYN_HTTP_RPC_ADVERTISE_HOST ?? "localhost";
    expect(address).toBe(`http://${host}:${port}/another/root/generate`);
    const answer = await fetch(`http://localhost:${port}/another/root`);
    expect(await answer.json()).toMatchObject({ endpoints: [{ url: address }] });
    await server.stop();
  }
});

test("DYN_HTTP_MAX_MESSAGE_SIZE bounds what a caller sends and what a worker takes", async () => {
  const environment = { DYN_HTTP_MAX_MESSAGE_SIZE: "2048" };
  await using small = await served({ environment });
  await using large = await served();
  const text = "x".repeat(3000);
  const facts = { limit: 2048, actual: 3000 };
  await using careful = calling({ environment });
  const kept = await failureOf(careful.deliver(request(large.address, text)));
  expect(kept).toMatchObject({ code: "payload_too_large", facts });
  await using careless = calling();
  const refused = await failureOf(careless.deliver(request(small.address, text)));
  expect(refused).toMatchObject({ code: "payload_too_large", remote: true, facts });
});

test("DYN_HTTP_PEER_TIMEOUT_SECS bounds the wait for a caller that says nothing", async () => {
  await using plane = await served({ environment: { DYN_HTTP_PEER_TIMEOUT_SECS: "0.05" } });
  const socket = connect(Number(new URL(plane.address).port), "127.0.0.1");
  let isClosed = false;
  socket.resume().once("close", () => (isClosed = true));
  await until("the worker has closed it", () => isClosed);
});

test("DYN_HTTP_REQUEST_TIMEOUT bounds the wait for an acknowledgement and for a connection", async () => {
  const environment = { DYN_HTTP_REQUEST_TIMEOUT: "0.2" };
  await using silent = await RawWorker.start(() => undefined);
  await using client = calling({ environment });
  const unanswered = await failureOf(client.deliver(request(silent.address)));
  const setting = "DYN_HTTP_REQUEST_TIMEOUT";
  expect(unanswered).toMatchObject({
    code: "deadline_exceeded",
    facts: { phase: "acknowledge", limit: 200, setting, address: silent.address },
  });
  await using full = await RawWorker.start(() => undefined, { [MAX_CONCURRENT_STREAMS]: 0 });
  const unconnected = await failureOf(client.deliver(request(full.address)));
  expect(unconnected).toMatchObject({ code: "deadline_exceeded", facts: { phase: "connect", setting } });
});

describe("Values that can't be used", () => {
  test("of the environment give one warning each and the default", () => {
    const { logger, warnings } = recordingLogger();
    const environment = {
      DYN_HTTP2_MAX_FRAME_SIZE: "1000",
      DYN_HTTP2_ADAPTIVE_WINDOW: "yes",
      DYN_HTTP2_POOL_IDLE_TIMEOUT_SECS: "soon",
      DYN_HTTP_RPC_ROOT_PATH: "v1/rpc",
      DYN_HTTP_RPC_PORT: "70000",
    };
    http({ environment, logger });
    expect(warnings).toHaveLength(5);
    for (const [variable, value] of Object.entries(environment)) {
      expect(warnings.filter((text) => text.startsWith(`${variable}='${value}'`))).toHaveLength(1);
    }
  });

  test("of options are errors", () => {
    for (const options of [{ maxFrameBytes: 1000 }, { rootPath: "v1" }, { maxConcurrentStreams: 0 }]) {
      expect(() => http({ environment: {}, ...options })).toThrow(
        expect.objectContaining({ code: "invalid_configuration" }),
      );
    }
  });

  test("have defaults as the guide has them", () => {
    const defaults = Object.values(HTTP_SETTINGS).map(({ variable, fallback }) => [variable, fallback]);
    expect(Object.fromEntries(defaults)).toEqual({
      DYN_HTTP_RPC_HOST: undefined,
      DYN_HTTP_RPC_ADVERTISE_HOST: undefined,
      DYN_HTTP_RPC_PORT: 8888,
      DYN_HTTP_RPC_ROOT_PATH: "/v1/rpc",
      DYN_HTTP_REQUEST_TIMEOUT: 5_000,
      DYN_HTTP_MAX_MESSAGE_SIZE: 33_554_432,
      DYN_HTTP_PEER_TIMEOUT_SECS: 30_000,
      DYN_HTTP2_MAX_FRAME_SIZE: 1_048_576,
      DYN_HTTP2_MAX_CONCURRENT_STREAMS: 1000,
      DYN_HTTP2_POOL_MAX_IDLE_PER_HOST: 100,
      DYN_HTTP2_POOL_IDLE_TIMEOUT_SECS: 90_000,
      DYN_HTTP2_KEEP_ALIVE_INTERVAL_SECS: 30_000,
      DYN_HTTP2_KEEP_ALIVE_TIMEOUT_SECS: 10_000,
      DYN_HTTP2_ADAPTIVE_WINDOW: true,
    });
  });
});
