import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { RunningRequests } from "../src/running-requests.ts";
import { createServer } from "../src/server.ts";
import { finish } from "./support/chunks.ts";
import { deploy } from "./support/deployment.ts";
import type { Deployment } from "./support/deployment.ts";
import { chat, errorOf, send } from "./support/http.ts";
import type { Sent } from "./support/http.ts";

async function raw(deployment: Deployment, bytes: string): Promise<string> {
  const socket = connect(Number(new URL(deployment.url).port), "127.0.0.1");
  socket.end(bytes);
  return text(socket);
}

describe("requests that are wrong get OpenAI's error object", () => {
  test.each<[string, Sent, number, string]>([
    ["unknown route", { method: "GET", path: "/x?y=1" }, 404, "Route not found: GET /x"],
    ["wrong method", { method: "GET" }, 405, "Method GET is not allowed for /v1/chat/completions, only POST"],
    [
      "wrong method for a model",
      { path: "/v1/models/a/b" },
      405,
      "Method POST is not allowed for /v1/models/a/b, only GET, HEAD",
    ],
    [
      "no content type",
      { headers: { "content-type": "" }, body: chat() },
      415,
      "Expected request with Content-Type application/json",
    ],
    [
      "other content type",
      { headers: { "content-type": "text/plain" }, body: chat() },
      415,
      "Expected request with Content-Type application/json",
    ],
    [
      "no body",
      {},
      400,
      "Failed to deserialize the JSON body into the target type: Unexpected end of JSON input",
    ],
    ["no JSON", { body: "{a" }, 400, "Failed to deserialize the JSON body into the target type: "],
    [
      "half JSON",
      { body: chat().slice(0, -1) },
      400,
      "Failed to deserialize the JSON body into the target type: ",
    ],
    [
      "not UTF-8",
      { body: Buffer.from([0x7b, 0xff, 0x7d]) },
      400,
      "Failed to deserialize the JSON body into the target type: not valid UTF-8",
    ],
    ["no object", { body: "[]" }, 400, "Failed to deserialize the JSON body into the target type: "],
    [
      "wrong value",
      { body: chat({ temperature: 3 }) },
      400,
      "Validation: Temperature must be between 0 and 2, got 3",
    ],
    ["unknown model", { body: chat({ model: "nobody\nhome" }) }, 404, "Model not found: 'nobody\nhome'"],
    ["bad URL", { method: "GET", path: "/v1/models/%zz" }, 400, ""],
  ])("%s", async (_what, sent, status, message) => {
    const deployment = await deploy();
    const answer = await send(deployment.url, sent);
    expect(answer.status).toBe(status);
    expect(answer.headers["content-type"]).toMatch(/^application\/json/);
    const error = errorOf(answer);
    expect(error.message.startsWith(message)).toBe(true);
    expect(error.code).toBe(status);
    if (status === 405) expect(answer.headers.allow).toMatch(/POST|GET/);
  });

  test("bytes that are no HTTP and headers that are too large", async () => {
    const deployment = await deploy();
    expect(await raw(deployment, "what?\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 400 Bad Request\r\n[^]*"invalid_request_error"/,
    );
    const large = `GET /live HTTP/1.1\r\nHost: a\r\nX-Large: ${"x".repeat(20_000)}\r\n\r\n`;
    expect(await raw(deployment, large)).toMatch(/^HTTP\/1\.1 431 /);
    expect((await send(deployment.url, { method: "GET", path: "/live" })).status).toBe(200);
  });
});

describe("a worker without room", () => {
  test.each([
    [undefined, 529, "service_unavailable"],
    [503, 503, "service_unavailable"],
    [429, 429, "rate_limit_error"],
  ])("is the status that was asked for (%s), with a time to try again", async (given, status, type) => {
    const deployment = await deploy(given === undefined ? {} : { httpOverloadStatusCode: given });
    await deployment.serve(() => {
      throw new RequestPlaneError("overloaded", "no room");
    });
    const answer = await send(deployment.url, { body: chat() });
    expect(answer).toMatchObject({ status, headers: { "retry-after": "1" } });
    expect(errorOf(answer)).toEqual({
      message: "Service temporarily overloaded",
      type,
      param: null,
      code: status,
    });
  });
});

describe("a body over the limit", () => {
  test.each([
    ["with its length", true],
    ["in chunks", false],
  ])("%s is a 413 that names the setting", async (_how, known) => {
    const deployment = await deploy({ httpBodyLimitMb: 1 });
    const body = chat({ messages: [{ role: "user", content: "x".repeat(3 * 1024 * 1024) }] });
    const answer = await send(deployment.url, {
      body,
      headers: known ? {} : { "transfer-encoding": "chunked" },
    });
    expect(answer.status).toBe(413);
    expect(errorOf(answer).message).toBe(
      "Request body exceeds the limit of 1 MB set by DYN_HTTP_BODY_LIMIT_MB",
    );
  });

  test("of the plane behind is a 413 that names that one", async () => {
    const deployment = await deploy();
    await deployment.serve(async function* () {
      yield finish();
    });
    const body = chat({ messages: [{ role: "user", content: "x".repeat(33 * 1024 * 1024) }] });
    const answer = await send(deployment.url, { body });
    expect(answer.status).toBe(413);
    expect(errorOf(answer).message).toContain("DYN_TCP_MAX_MESSAGE_SIZE");
  });
});

test("a body with __proto__ pollutes nothing", async () => {
  const deployment = await deploy();
  await deployment.serve(async function* () {
    yield JSON.parse(
      '{"choices":[{"index":0,"delta":{"__proto__":{"polluted":1},"content":"a"}}],"__proto__":{"polluted":1}}',
    );
  });
  const body = chat().replace("{", '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},');
  expect((await send(deployment.url, { body })).status).toBe(200);
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

test("HEAD works where GET does", async () => {
  const deployment = await deploy();
  const answer = await send(deployment.url, { method: "HEAD", path: "/v1/models" });
  expect(answer).toMatchObject({ status: 200, body: "" });
});

describe("browsers of other origins", () => {
  const origin = "https://example.com";
  const preflight: Sent = {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type",
    },
  };

  test("are not let in unless asked for", async () => {
    const deployment = await deploy();
    const answer = await send(deployment.url, preflight);
    expect(answer.status).toBe(405);
    expect(answer.headers).not.toHaveProperty("access-control-allow-origin");
  });

  test("are let in when asked for, streams and errors included", async () => {
    const deployment = await deploy({ httpCorsOrigin: [origin] });
    await deployment.serve(async function* () {
      yield finish();
    });
    expect((await send(deployment.url, preflight)).status).toBe(204);
    for (const body of [chat({ stream: true }), chat(), chat({ n: 0 })]) {
      const answer = await send(deployment.url, { headers: { origin }, body });
      expect(answer.headers["access-control-allow-origin"]).toBe(origin);
    }
    const other = await send(deployment.url, { headers: { origin: "https://evil.example" }, body: chat() });
    expect(other.headers["access-control-allow-origin"]).not.toBe("https://evil.example");
  });
});

test("a kept connection serves one stream after the other", async () => {
  const deployment = await deploy();
  await deployment.serve(async function* () {
    yield finish();
  });
  const socket = connect(Number(new URL(deployment.url).port), "127.0.0.1");
  socket.setEncoding("utf8");
  let received = "";
  socket.on("data", (piece: string) => (received += piece));
  const body = chat({ stream: true });
  for (let index = 1; index <= 20; index += 1) {
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await expect.poll(() => received.split("[DONE]").length - 1, { interval: 1 }).toBe(index);
  }
  socket.destroy();
  expect(received.match(/HTTP\/1\.1 200/g)).toHaveLength(20);
});

test("sockets don't gather small writes, and outlive those of load balancers", () => {
  const running = new RunningRequests(0);
  const { server } = createServer({
    logger: pino({ level: "silent" }),
    running,
    bodyLimitMb: 1,
    overloadStatus: 529,
    corsOrigins: [],
    onFailure: () => undefined,
  });
  expect(server).toMatchObject({ noDelay: true });
  expect(server.keepAliveTimeout).toBeGreaterThanOrEqual(75_000);
  expect(server.headersTimeout).toBeGreaterThan(0);
  expect(server.requestTimeout).toBeGreaterThan(0);
});
