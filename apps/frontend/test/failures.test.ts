import { RequestPlaneError } from "@dynamo/request-plane-core";
import { describe, expect, test } from "vitest";
import { text } from "./support/chunks.ts";
import { deploy } from "./support/deployment.ts";
import type { ChatHandler } from "./support/deployment.ts";
import { chat, errorOf, send } from "./support/http.ts";
import { chunksOf, parseSse } from "./support/sse.ts";

const SECRET = "at /srv/worker.py:7\r\n\r\ndata: forged\n\nevent: x";

const failsAtOnce: ChatHandler = async function* () {
  yield* [];
  throw new Error(SECRET);
};

const failsAfterTwo: ChatHandler = async function* () {
  yield text("a");
  yield text("b");
  throw new Error(SECRET);
};

const INTERNAL = { message: "Internal server error", type: "internal_server_error", param: null, code: 500 };

describe("a worker that fails", () => {
  test.each([[true], [false]])("before its first token gives a real status (stream: %s)", async (stream) => {
    const deployment = await deploy();
    await deployment.serve(failsAtOnce);
    const answer = await send(deployment.url, { body: chat({ stream }) });
    expect(answer.status).toBe(500);
    expect(answer.headers["content-type"]).toMatch(/^application\/json/);
    expect(errorOf(answer)).toEqual(INTERNAL);
  });

  test("in the middle of a stream gives what came, then an error event, then [DONE]", async () => {
    const deployment = await deploy();
    await deployment.serve(failsAfterTwo);
    const answer = await send(deployment.url, { body: chat({ stream: true }) });
    expect(answer.status).toBe(200);
    expect(chunksOf(answer.body)).toEqual([text("a"), text("b"), { error: INTERNAL }]);
    expect(
      parseSse(answer.body).every(({ name, comments }) => name === undefined && comments.length === 0),
    ).toBe(true);
  });

  test("in the middle of an answer that doesn't stream gives no half answer", async () => {
    const deployment = await deploy();
    await deployment.serve(failsAfterTwo);
    const answer = await send(deployment.url, { body: chat() });
    expect(answer.status).toBe(500);
    expect(errorOf(answer)).toEqual(INTERNAL);
  });

  test("with words for clients has them shown", async () => {
    const deployment = await deploy();
    await deployment.serve(async function* (request) {
      if (request["max_tokens"] === 2) yield text("a");
      const publicDetails = { type: "message", message: "Prompt too\nlong" } as const;
      throw new RequestPlaneError("invalid_argument", SECRET, { publicDetails });
    });
    const error = { message: "Prompt too\nlong", type: "invalid_request_error", param: null, code: 400 };
    const before = await send(deployment.url, { body: chat({ stream: true }) });
    expect(before.status).toBe(400);
    expect(errorOf(before)).toEqual(error);
    const after = await send(deployment.url, { body: chat({ stream: true, max_tokens: 2 }) });
    expect(chunksOf(after.body)).toEqual([text("a"), { error }]);
  });

  test("is replaced by another one as long as nothing was sent", async () => {
    const deployment = await deploy();
    const refuse: ChatHandler = async function* () {
      yield* [];
      throw new RequestPlaneError("unavailable", SECRET);
    };
    await deployment.serve(refuse);
    await deployment.serve(async function* () {
      yield text("ok");
    });
    for (let index = 0; index < 4; index += 1) {
      const answer = await send(deployment.url, { body: chat({ stream: true }) });
      expect(chunksOf(answer.body)).toEqual([text("ok")]);
    }
  });

  test("by sending what is no chunk gives an error event", async () => {
    const deployment = await deploy();
    await deployment.serve(async function* () {
      yield text("a");
      yield { error: SECRET };
    });
    const answer = await send(deployment.url, { body: chat({ stream: true }) });
    expect(chunksOf(answer.body)).toEqual([text("a"), { error: INTERNAL }]);
  });
});

describe("bounds on waiting", () => {
  const silent: ChatHandler = async function* (_request, { signal }) {
    yield* [];
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  };

  test.each([[true], [false]])("no first item is a 504 (stream: %s)", async (stream) => {
    const deployment = await deploy({ responseFirstItemTimeoutSecs: 0.2 });
    await deployment.serve(silent);
    const answer = await send(deployment.url, { body: chat({ stream }) });
    expect(answer.status).toBe(504);
    expect(errorOf(answer)).toMatchObject({ message: "Request deadline exceeded", type: "timeout_error" });
  });

  test("no next item is an error event", async () => {
    const deployment = await deploy({ httpBackendStreamTimeoutSecs: 0.2 });
    await deployment.serve(async function* (request, context) {
      yield text("a");
      yield* silent(request, context);
    });
    const answer = await send(deployment.url, { body: chat({ stream: true }) });
    expect(chunksOf(answer.body)).toMatchObject([text("a"), { error: { code: 504 } }]);
  });

  test("the total is an error event too", async () => {
    const deployment = await deploy({ responseTotalTimeoutSecs: 0.3 });
    await deployment.serve(async function* () {
      for (;;) {
        yield text("a");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    const answer = await send(deployment.url, { body: chat({ stream: true }) });
    expect(chunksOf(answer.body).at(-1)).toMatchObject({ error: { code: 504 } });
  });
});
