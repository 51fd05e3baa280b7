import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:http2";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AnnotatedItem, RequestPlaneError } from "@dynamo/request-plane-core";
import type { Handler } from "@dynamo/request-plane-core";
import { describe, expect, test } from "vitest";
import { served } from "./support/plane.ts";
import { curl, curlJson, HAS_CURL } from "./support/curl.ts";
import { standsStill, until } from "@dynamo/test-support";
import { addressOf, settled } from "@dynamo/test-world";
import { World } from "./support/world.ts";
import type { ManagerSetup } from "./support/world.ts";

const VERSIONS = [
  ["HTTP/1.1", []],
  ["HTTP/2", ["--http2-prior-knowledge"]],
] as const;

const EVENTS = ["-H", "accept: text/event-stream"];

async function serve<Request>(world: World, handler: Handler<Request, unknown>, setup: ManagerSetup = {}) {
  const { manager, served } = await world.worker(handler, setup);
  return { manager, address: addressOf(served.instance) };
}

async function* count({ n, fail }: { n: number; fail?: string }): AsyncGenerator<{ i: number }> {
  for (let i = 0; i < n; i++) yield { i };
  if (fail !== undefined) throw new RequestPlaneError("rate_limited", fail);
}

function lines(body: string): unknown[] {
  return body
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
}

describe.skipIf(!HAS_CURL).each(VERSIONS)("curl with JSON over %s", (_name, flags) => {
  test("gets the items as lines", async () => {
    await using world = new World();
    const { manager, address } = await serve(world, count);
    const answer = await curlJson(address, { n: 3 }, ...flags);
    expect(answer).toMatchObject({ status: 200, type: "application/x-ndjson", exitCode: 0 });
    expect(answer.version).toBe(flags.length === 0 ? "1.1" : "2");
    expect(answer.body).toBe('{"i":0}\n{"i":1}\n{"i":2}\n');
    await settled(manager);
  });

  test("gets the items as events when it asks for them", async () => {
    await using world = new World();
    const { address } = await serve(world, count);
    const answer = await curlJson(address, { n: 2, fail: "slow\n\ndown" }, ...flags, ...EVENTS);
    expect(answer).toMatchObject({ status: 200, type: "text/event-stream", exitCode: 0 });
    const error = { code: "rate_limited", message: "slow\n\ndown" };
    expect(answer.body).toBe(
      `data: {"i":0}\n\ndata: {"i":1}\n\nevent: error\ndata: ${JSON.stringify({ error })}\n\n`,
    );
  });

  test("gets items as the worker wrote them, annotations on lines of their own", async () => {
    await using world = new World();
    const { address } = await serve(world, async function* () {
      yield 2n ** 63n;
      yield "a\nb\u2028c";
      yield null;
      yield new AnnotatedItem({ event: "timing", comment: ["12 ms"] });
      yield { data: 1 };
    });
    const answer = await curlJson(address, {}, ...flags);
    expect(answer.body.trimEnd().split("\n")).toEqual([
      "9223372036854775808",
      JSON.stringify("a\nb\u2028c"),
      "null",
      '{"event":"timing","comment":["12 ms"]}',
      '{"data":1}',
    ]);
    const events = await curlJson(address, {}, ...flags, ...EVENTS);
    expect(events.body).toContain('event: annotation\ndata: {"event":"timing","comment":["12 ms"]}\n\n');
  });

  test("gets a status for an error before the first item, a line for a later one", async () => {
    await using world = new World();
    const { manager, address } = await serve(world, count);
    const early = await curlJson(address, { n: 0, fail: "not so fast" }, ...flags);
    expect(early).toMatchObject({ status: 429, type: "application/problem+json", exitCode: 0 });
    expect(JSON.parse(early.body)).toMatchObject({
      code: "rate_limited",
      detail: "not so fast",
      status: 429,
    });
    const late = await curlJson(address, { n: 1, fail: "not so fast" }, ...flags);
    expect(late).toMatchObject({ status: 200, exitCode: 0 });
    expect(lines(late.body)).toEqual([{ i: 0 }, { error: { code: "rate_limited", message: "not so fast" } }]);
    await settled(manager);
  });

  test("gets an empty response of a handler that yields nothing", async () => {
    await using world = new World();
    const { address } = await serve(world, count);
    expect(await curlJson(address, { n: 0 }, ...flags)).toMatchObject({ status: 200, body: "", exitCode: 0 });
  });

  test("hears what is wrong with its request", async () => {
    await using world = new World();
    const { address } = await serve(world, count, { http: { maxMessageBytes: 2048 } });
    const json = ["-H", "content-type: application/json"];
    const answers = {
      notJson: await curl(...flags, ...json, "-d", '{"n":', address),
      noType: await curl(...flags, "-d", "{}", address),
      noEnvelope: await curl(...flags, "-H", "content-type: application/octet-stream", "-d", "{}", address),
      elsewhere: await curl(...flags, ...json, "-d", "{}", `${address}s`),
      below: await curl(...flags, address.replace("/v1/rpc/generate", "/")),
      get: await curl(...flags, "-i", address),
      large: await curl(...flags, ...json, "-d", `"${"x".repeat(2047)}"`, address),
      badPath: await curl(...flags, ...json, "-d", "{}", `${address}%zz`),
    };
    const statuses = Object.entries(answers).map(([name, { status }]) => [name, status]);
    expect(Object.fromEntries(statuses)).toEqual({
      notJson: 400,
      noType: 415,
      noEnvelope: 400,
      elsewhere: 404,
      below: 404,
      get: 405,
      large: 413,
      badPath: 404,
    });
    expect(answers.get.body).toContain("allow: POST");
    expect(JSON.parse(answers.large.body)).toMatchObject({
      code: "payload_too_large",
      limit: 2048,
      actual: 2049,
      setting: "DYN_HTTP_MAX_MESSAGE_SIZE",
    });
    expect(Object.values(answers).map(({ exitCode }) => exitCode)).toEqual(Array(8).fill(0));
  });

  test("is refused while it is still sending, and gets the reason", async () => {
    await using world = new World();
    const { manager, address } = await serve(world, count, { http: { maxMessageBytes: 100_000 } });
    const folder = await mkdtemp(join(tmpdir(), "http-plane-"));
    await writeFile(`${folder}/large`, Buffer.alloc(8_000_000, 0x20));
    const upload = ["-H", "content-type: application/json", "--data-binary", `@${folder}/large`, address];
    const declared = await curl(...flags, ...upload);
    const chunked = await curl(
      ...flags,
      "-H",
      "content-length:",
      "-H",
      "transfer-encoding: chunked",
      ...upload,
    );
    await rm(folder, { recursive: true });
    for (const answer of [declared, chunked]) {
      expect(answer.status).toBe(413);
      expect(answer.body).toContain("DYN_HTTP_MAX_MESSAGE_SIZE");
    }
    await until("nothing is left open", () => manager.health().planes["http"]!.connections === 0);
  });

  test("finds the endpoints at the root", async () => {
    await using world = new World();
    const { manager, address } = await serve(world, count);
    for (const root of [address.replace("/generate", ""), address.replace("generate", "?x=1")]) {
      const answer = await curl(...flags, root);
      expect(answer).toMatchObject({ status: 200, type: "application/json" });
      expect(JSON.parse(answer.body)).toEqual({
        endpoints: [
          { endpoint: "test.backend.generate", instance: manager.instanceId.toString(16), url: address },
        ],
      });
    }
  });

  test("that is interrupted kills the request", async () => {
    await using world = new World();
    let killed = false;
    const { manager, address } = await serve(world, async function* (_request: unknown, context) {
      yield "first";
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      killed = context.isKilled;
    });
    const answer = await curlJson(address, {}, ...flags, "--max-time", "0.5");
    expect(answer.exitCode).toBe(28);
    expect(answer.body).toBe('"first"\n');
    await until("the handler knows", () => killed);
    await settled(manager);
  });

  test("gets an error line when the worker drops the request", async () => {
    await using world = new World();
    let isRunning = false;
    const { manager, address } = await serve(world, async function* (_request: unknown, context) {
      yield "first";
      isRunning = true;
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    });
    const answer = curlJson(address, {}, ...flags);
    await until("the handler runs", () => isRunning);
    await manager.close({ drainMs: 0 });
    expect(lines((await answer).body)).toEqual([
      "first",
      { error: { code: "unavailable", message: "The worker dropped this request" } },
    ]);
    expect(manager.health().planes["http"]).toEqual({ connections: 0, pending: 0 });
  });
});

test.skipIf(HAS_CURL)(
  "curl with HTTP/2 is not on this machine: ALL TESTS WITH CURL WERE SKIPPED",
  (context) => {
    context.skip();
  },
);

test("The caller's own name for the request is its id", async () => {
  await using world = new World();
  const { address } = await serve(world, async function* (_request: unknown, { id }) {
    yield id;
  });
  const headers = { "content-type": "application/json", "x-request-id": "mine-1" };
  const answer = await fetch(address, { method: "POST", headers, body: "{}" });
  expect([answer.headers.get("request-id"), await answer.text()]).toEqual(["mine-1", '"mine-1"\n']);
  const evil = { ...headers, "x-request-id": "{}" };
  const other = await fetch(address, { method: "POST", headers: evil, body: "{}" });
  expect(await other.json()).toMatch(/^[\da-f-]{36}$/);
});

/** A handler that yields as much as it is let, and counts. */
function endless() {
  const state = { yielded: 0, isDone: false };
  async function* handler(): AsyncGenerator<string> {
    try {
      for (;;) {
        state.yielded += 1;
        yield "x".repeat(10_000);
      }
    } finally {
      state.isDone = true;
    }
  }
  return { state, handler };
}

describe("A reader that doesn't read", () => {
  /** Sends a request by hand and reads nothing of the answer. */
  const readers: Record<string, (address: URL) => { close: () => void }> = {
    "HTTP/1.1": ({ hostname, port, pathname }) => {
      const socket = connectSocket(Number(port), hostname);
      socket.on("error", () => undefined).pause();
      socket.write(
        `POST ${pathname} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`,
      );
      return { close: () => socket.destroy() };
    },
    "HTTP/2": ({ origin, pathname }) => {
      const session = connect(origin);
      const headers = { ":method": "POST", ":path": pathname, "content-type": "application/json" };
      const stream = session.request(headers);
      session.on("error", () => undefined);
      stream.on("error", () => undefined).pause();
      stream.end("{}");
      return { close: () => session.destroy() };
    },
  };

  test.each(Object.entries(readers))("makes the handler wait: %s", async (_name, read) => {
    await using world = new World();
    const { state, handler } = endless();
    const { manager, address } = await serve(world, handler);
    const reader = read(new URL(address));
    // What the kernel and the windows hold is a few megabytes.
    expect((await standsStill("the handler", () => state.yielded)) * 10_000).toBeLessThan(64 * 1024 * 1024);
    reader.close();
    await until("the handler is done", () => state.isDone);
    await settled(manager);
  });

  test.each(Object.entries(readers))("is cut off after a while: %s", async (_name, read) => {
    await using world = new World();
    const { state, handler } = endless();
    const { manager, address } = await serve(world, handler, { http: { peerTimeoutMs: 300 } });
    const reader = read(new URL(address));
    await until("the handler is done", () => state.isDone);
    await settled(manager);
    reader.close();
  });
});

test("Requests in one HTTP/1.1 connection are answered in order", async () => {
  await using world = new World();
  const { address } = await serve(world, count);
  const { hostname, port, pathname } = new URL(address);
  const requests = [2, 0, 1].map((n) => {
    const body = JSON.stringify({ n });
    return `POST ${pathname} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  });
  const socket = connectSocket(Number(port), hostname);
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  socket.write(requests.join(""));
  await until("three are answered", () => text.split("\r\n0\r\n\r\n").length === 4);
  const bodies = text.split("HTTP/1.1 200 OK").slice(1);
  expect(bodies.map((body) => body.match(/\{"i":\d\}/g) ?? [])).toEqual([
    ['{"i":0}', '{"i":1}'],
    [],
    ['{"i":0}'],
  ]);
  socket.destroy();
});

test("Direct requests share one HTTP/2 connection at the same time", async () => {
  await using world = new World();
  let running = 0;
  let most = 0;
  const { address } = await serve(world, async function* ({ n }: { n: number }) {
    most = Math.max(most, ++running);
    await until("all are here", () => most === 5);
    running -= 1;
    yield n;
  });
  const { origin, pathname } = new URL(address);
  const session = connect(origin);
  const answers = Array.from({ length: 5 }, async (_, n) => {
    const headers = { ":method": "POST", ":path": pathname, "content-type": "application/json" };
    const stream = session.request(headers);
    stream.end(JSON.stringify({ n }));
    return Number(await stream.setEncoding("utf8").reduce((text, chunk) => text + String(chunk), ""));
  });
  expect(await Promise.all(answers)).toEqual([0, 1, 2, 3, 4]);
  session.close();
});

test("A worker that takes nothing any more answers 503 with a problem document and when to come back", async () => {
  await using plane = await served({}, () => new RequestPlaneError("unavailable", "It is going away"));
  const headers = { "content-type": "application/json" };
  const answer = await fetch(plane.address, { method: "POST", headers, body: "{}" });
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(await answer.json()).toMatchObject({ status: 503, code: "unavailable", detail: "It is going away" });
});
