import { randomUUID } from "node:crypto";
import { AnnotatedItem } from "@dynamo/request-plane-core";
import type { RequestContext } from "@dynamo/request-plane-core";
import { describe, expect, test } from "vitest";
import { contentOf, delta, finish, text } from "./support/chunks.ts";
import { captureEnvelopes, deploy } from "./support/deployment.ts";
import { chat, send } from "./support/http.ts";
import { chunksOf, parseSse } from "./support/sse.ts";

async function* hello(): AsyncGenerator {
  yield delta({ role: "assistant", content: "" });
  yield text("Hel");
  yield text("lo");
  yield finish();
}

describe("a chat", () => {
  test("that doesn't stream is one completion", async () => {
    const deployment = await deploy();
    await deployment.serve(hello);
    const answer = await send(deployment.url, { body: chat() });
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toMatch(/^application\/json/);
    expect(JSON.parse(answer.body)).toMatchObject({
      object: "chat.completion",
      choices: [{ message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }],
    });
  });

  test("that streams passes each chunk on as it is and ends with [DONE]", async () => {
    const deployment = await deploy();
    await deployment.serve(hello);
    const answer = await send(deployment.url, { body: chat({ stream: true }) });
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-cache",
      "transfer-encoding": "chunked",
    });
    const chunks = chunksOf(answer.body);
    expect(chunks).toEqual([delta({ role: "assistant", content: "" }), text("Hel"), text("lo"), finish()]);
    expect(contentOf(chunks)).toBe("Hello");
  });

  test("streams each chunk at once, without waiting for the next", async () => {
    const deployment = await deploy();
    const { promise: seen, resolve: sawFirst } = Promise.withResolvers<string>();
    await deployment.serve(async function* () {
      yield text("first");
      yield text(await seen);
    });
    const response = await fetch(`${deployment.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: chat({ stream: true }),
    });
    let body = "";
    for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
      body += piece;
      if (body.includes("first")) sawFirst("second");
    }
    expect(contentOf(chunksOf(body))).toBe("firstsecond");
  });

  test.each([[true], [false]])("reaches the worker byte for byte (stream: %s)", async (stream) => {
    const deployment = await deploy();
    const envelopes = await captureEnvelopes(deployment, "m");
    // A parse would round 2^60 + 1, and change the spacing, the escapes and the order.
    const body = `{ "frobnicate": {"é":[1, 2.50]},"model":"m", "seed":1152921504606846977,
      "messages":[{"role":"user","content":"\\u0041 ☃"}],"__proto__":{"a":1},"stream":${stream} }`;
    const answer = await send(deployment.url, { body });
    expect(answer.status).toBe(529);
    expect(envelopes).toHaveLength(1);
    expect(envelopes[0]?.subarray(-Buffer.byteLength(body)).toString()).toBe(body);
  });

  test("carries its id and trace to the worker, and echoes x-request-id", async () => {
    const deployment = await deploy();
    const contexts: RequestContext[] = [];
    await deployment.serve(async function* (_request, context) {
      contexts.push(context);
      yield finish();
    });
    const id = randomUUID();
    const sent = {
      "x-dynamo-request-id": id,
      "x-request-id": "mine/42",
      traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      tracestate: "a=b",
      authorization: "Bearer secret",
    };
    const whole = await send(deployment.url, { headers: sent, body: chat() });
    const streamed = await send(deployment.url, { headers: sent, body: chat({ stream: true }) });
    const other = await send(deployment.url, { headers: { "x-dynamo-request-id": "no uuid" }, body: chat() });

    expect([whole, streamed, other].map((answer) => answer.headers["x-request-id"])).toEqual([
      "mine/42",
      "mine/42",
      undefined,
    ]);
    expect(contexts.map((context) => context.id)).toEqual([id, id, expect.stringMatching(/^[\da-f-]{36}$/)]);
    expect(contexts[0]?.headers).toMatchObject({
      "x-request-id": "mine/42",
      traceparent: sent.traceparent,
      tracestate: "a=b",
    });
    expect(contexts[0]?.headers).not.toHaveProperty("authorization");
    expect(contexts[2]?.headers).not.toHaveProperty("traceparent");
  });

  test("passes annotations on as events of their own", async () => {
    const deployment = await deploy();
    await deployment.serve(async function* () {
      yield new AnnotatedItem({ event: "my_event", comment: ['{"x":1}'] });
      yield text("a");
      yield new AnnotatedItem({ event: "evil\n\ndata: x", comment: ["\ndata: y\r\n\r\n"] });
      yield finish();
    });
    const streamed = await send(deployment.url, { body: chat({ stream: true }) });
    const events = parseSse(streamed.body);
    expect(events.map(({ name, comments }) => ({ name, comments }))).toEqual([
      { name: "my_event", comments: ['{"x":1}'] },
      { name: undefined, comments: [] },
      { name: "evil  data: x", comments: ["", "data: y", "", ""] },
      { name: undefined, comments: [] },
      { name: undefined, comments: [] },
    ]);
    const whole = await send(deployment.url, { body: chat() });
    expect(JSON.parse(whole.body)).toMatchObject({ choices: [{ message: { content: "a" } }] });
  });

  test("of 20 MB passes in both directions", async () => {
    const deployment = await deploy();
    await deployment.serve(async function* (request) {
      const [message] = request["messages"] as [{ content: string }];
      yield text(message.content);
    });
    const content = "x".repeat(20 * 1024 * 1024);
    const answer = await send(deployment.url, { body: chat({ messages: [{ role: "user", content }] }) });
    expect(answer.status).toBe(200);
    const completion = JSON.parse(answer.body) as { choices: { message: { content: string } }[] };
    expect(completion.choices[0]?.message.content === content).toBe(true);
  });

  test("that the worker ends without a chunk is whole when it streams and an error when it doesn't", async () => {
    const deployment = await deploy();
    await deployment.serve(async function* () {
      // Nothing to say.
    });
    expect((await send(deployment.url, { body: chat({ stream: true }) })).body).toBe("data: [DONE]\n\n");
    expect(await send(deployment.url, { body: chat() })).toMatchObject({ status: 500 });
  });
});

test("200 streams at once: none gets a word of another", async () => {
  const deployment = await deploy();
  const speak = async function* (request: Record<string, unknown>) {
    const [message] = request["messages"] as [{ content: string }];
    for (let index = 0; index < 20; index += 1) {
      yield text(`${message.content}.${index} `);
      if (index % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  for (let worker = 0; worker < 3; worker += 1) await deployment.serve(speak);

  const contents = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const stream = index % 4 !== 0;
      const body = chat({ stream, messages: [{ role: "user", content: `client${index}` }] });
      const answer = await send(deployment.url, { body });
      if (stream) return contentOf(chunksOf(answer.body));
      return (JSON.parse(answer.body) as { choices: { message: { content: string } }[] }).choices[0]?.message
        .content;
    }),
  );
  const expected = Array.from({ length: 200 }, (_, client) =>
    Array.from({ length: 20 }, (__, index) => `client${client}.${index} `).join(""),
  );
  expect(contents).toEqual(expected);
});
