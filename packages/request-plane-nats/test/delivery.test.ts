import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ErrorCode } from "@dynamo/request-plane-core";
import { describeWithNats, natsServer } from "@dynamo/nats-server/vitest";
import { expect, it } from "vitest";
import { bystander } from "./support/bystander.ts";
import { ENDPOINT, plane, request, serve } from "./support/plane.ts";
import { until } from "@dynamo/test-support";
import { failureOf } from "@dynamo/test-world";

describeWithNats("a request", () => {
  it("is acknowledged with nothing, and brings its headers in lower case", async () => {
    const nats = await natsServer();
    const { client, server } = plane({ servers: nats.url });
    const { address, received } = await serve(server);
    expect(address).toBe("test_backend.generate-feed");
    const other = await bystander(nats);
    await client.deliver(request(address, 50, { "Request-Id": "1", traceparent: "00-1", empty: "" }));
    expect(received[0]).toMatchObject({ headers: { "request-id": "1", traceparent: "00-1", empty: "" } });
    expect(received[0]?.envelope).toHaveLength(50);
    const reply = await other.request(address, "raw");
    expect({ data: reply.data.length, headers: reply.headers }).toEqual({ data: 0, headers: undefined });
    expect(Buffer.from(received[1]!.envelope).toString()).toBe("raw");
  });

  it("that nobody asks an answer to is taken too", async () => {
    const nats = await natsServer();
    const { server } = plane({ servers: nats.url });
    const { address, received } = await serve(server);
    (await bystander(nats)).publish(address, "raw");
    await until("it is taken", () => received.length === 1);
  });

  it("to nobody fails at once, and says so", async () => {
    const { client } = plane({ servers: (await natsServer()).url, requestTimeoutMs: 60_000 });
    const error = await failureOf(client.deliver(request("test_backend.generate-1")));
    expect(error).toMatchObject({ code: "unknown_endpoint", facts: { address: "test_backend.generate-1" } });
    expect([error.retryableElsewhere, error.blamesInstance]).toEqual([true, true]);
    expect(error.message).toContain("test_backend.generate-1");
  });

  it("to somebody silent fails when its time is over, and says which", async () => {
    const nats = await natsServer();
    const { client } = plane({ servers: nats.url, requestTimeoutMs: 200 });
    const other = await bystander(nats);
    other.subscribe("test_backend.generate-1");
    await other.flush();
    const began = performance.now();
    const error = await failureOf(client.deliver(request("test_backend.generate-1")));
    expect(performance.now() - began).toBeGreaterThan(190);
    expect(error).toMatchObject({
      code: "deadline_exceeded",
      facts: { phase: "acknowledge", limit: 200, setting: "DYN_NATS_REQUEST_TIMEOUT_SECS" },
    });
    expect([error.retryableElsewhere, error.blamesInstance]).toEqual([true, true]);
    expect(client.health().pending).toBe(0);
  });

  it("whose reply comes too late doesn't answer the next one", async () => {
    const nats = await natsServer();
    const { client } = plane({ servers: nats.url, requestTimeoutMs: 300 });
    const replies: string[] = [];
    const other = await bystander(nats);
    other.subscribe("slow", { callback: (_error, { reply = "" }) => void replies.push(reply) });
    expect(await failureOf(client.deliver(request("slow")))).toMatchObject({ code: "deadline_exceeded" });
    const second = failureOf(client.deliver(request("slow")));
    await until("the second is there", () => replies.length === 2);
    other.publish(replies[0]!);
    expect(await second).toMatchObject({ code: "deadline_exceeded" });
  });

  it("that was aborted before is not sent", async () => {
    const { client, server } = plane({ servers: (await natsServer()).url });
    const { address, received } = await serve(server);
    const error = await failureOf(client.deliver({ ...request(address), signal: AbortSignal.abort("no") }));
    expect(error).toMatchObject({ code: "cancelled", cause: "no" });
    await client.deliver(request(address));
    expect(received).toHaveLength(1);
  });

  it("that is aborted while it waits ends at once", async () => {
    const nats = await natsServer();
    const { client } = plane({ servers: nats.url, requestTimeoutMs: 600_000 });
    const other = await bystander(nats);
    other.subscribe("silent");
    await other.flush();
    const abort = new AbortController();
    const waiting = failureOf(client.deliver({ ...request("silent"), signal: abort.signal }));
    await until("it is out", () => client.health().pending === 1);
    abort.abort("no");
    expect(await waiting).toMatchObject({ code: "cancelled", cause: "no" });
    expect(client.health().pending).toBe(0);
  });

  it.each([
    [{ "a b": "x" }],
    [{ "a:b": "x" }],
    [{ "": "x" }],
    [{ ü: "x" }],
    [{ a: "x\r\nb: y" }],
    [{ a: "x\ny" }],
    [{ a: "x\u0000" }],
  ])("with the headers %j is refused before it is sent", async (headers) => {
    const { client, server } = plane({ servers: (await natsServer()).url });
    const { address, received } = await serve(server);
    const error = await failureOf(client.deliver(request(address, 10, headers)));
    expect(error).toMatchObject({ code: "invalid_argument" });
    await client.deliver(request(address));
    expect(received).toHaveLength(1);
  });

  it("waits with the others until so many bytes are without an acknowledgement, then more are refused", async () => {
    const nats = await natsServer();
    const { client } = plane({ servers: nats.url, maxPendingBytes: 1_000 });
    const other = await bystander(nats);
    other.subscribe("silent");
    await other.flush();
    const waiting = [400, 400].map((bytes) => failureOf(client.deliver(request("silent", bytes))));
    await until("two are out", () => client.health().pending === 2);
    const error = await failureOf(client.deliver(request("silent", 400)));
    expect(error).toMatchObject({ code: "overloaded", facts: { limit: 1_000, actual: 1_200 } });
    await client.close();
    for (const ended of await Promise.all(waiting)) expect(ended).toMatchObject({ code: "closed" });
    expect(client.health()).toEqual({ connections: 0, pending: 0 });
  });
});

describeWithNats("bytes without an acknowledgement", () => {
  it("count until the acknowledgement, not longer", async () => {
    const nats = await natsServer();
    const { client, server } = plane({ servers: nats.url, maxPendingBytes: 1_000 });
    const { address } = await serve(server);
    const other = await bystander(nats);
    other.subscribe("silent");
    await other.flush();
    const waiting = failureOf(client.deliver(request("silent", 400)));
    for (let round = 0; round < 20; round += 1) await client.deliver(request(address, 400));
    expect(client.health().pending).toBe(1);
    await client.close();
    await waiting;
  });
});

describeWithNats("a refusal", () => {
  it.each<[ErrorCode, string, ErrorCode, number]>([
    ["overloaded", "Server overloaded: why", "overloaded", 503],
    ["unavailable", "Server unavailable: why", "unavailable", 503],
    ["internal", "Server unavailable: why", "unavailable", 503],
    [
      "unknown_endpoint",
      "Server unavailable: unknown endpoint test_backend.generate-feed",
      "unknown_endpoint",
      503,
    ],
    ["payload_too_large", "Read error: why", "payload_too_large", 400],
    ["invalid_argument", "Decode error: why", "invalid_argument", 400],
    ["protocol_error", "Decode error: why", "protocol_error", 400],
  ])("%s is answered with '%s'", async (given, text, code, status) => {
    const nats = await natsServer();
    const { client, server } = plane({ servers: nats.url });
    const { address } = await serve(server, () => new RequestPlaneError(given, "why"));
    const error = await failureOf(client.deliver(request(address)));
    expect(error).toMatchObject({ code, message: text, remote: true });
    const seen: { text: string; status: number | undefined }[] = [];
    const other = await bystander(nats);
    other.subscribe("answers", {
      callback: (_error, { data, headers }) =>
        void seen.push({ text: Buffer.from(data).toString(), status: headers?.code }),
    });
    other.publish(address, "x", { reply: "answers" });
    await until("the answer is there", () => seen.length > 0);
    expect(seen).toEqual([{ text, status }]);
  });

  it.each<[string, ErrorCode]>([
    ["Server overloaded: worker at capacity", "overloaded"],
    ["Server unavailable: unknown endpoint x", "unknown_endpoint"],
    ["Server unavailable: ends", "unavailable"],
    ["something newer", "protocol_error"],
  ])("without a code is told by its words: '%s'", async (text, code) => {
    const nats = await natsServer();
    const { client } = plane({ servers: nats.url });
    const other = await bystander(nats);
    other.subscribe("worker", { callback: (_error, message) => void message.respond(text) });
    await other.flush();
    expect(await failureOf(client.deliver(request("worker")))).toMatchObject({
      code,
      message: text,
      remote: true,
    });
  });
});

describeWithNats("an endpoint", () => {
  it("is registered once", async () => {
    const { server } = plane({ servers: (await natsServer()).url });
    const { address } = await serve(server);
    const again = server.register({ ...ENDPOINT, instanceId: 0xfeedn, accept: () => undefined });
    expect(await failureOf(again)).toMatchObject({ code: "conflict", facts: { address } });
    await server.register({ ...ENDPOINT, instanceId: 0xbeefn, accept: () => undefined });
  });

  it("can be asked as soon as it is registered, by everybody", async () => {
    const nats = await natsServer();
    const { client, server } = plane({ servers: nats.url });
    await client.deliver(request("warm")).catch(() => undefined);
    for (let round = 0; round < 50; round += 1) {
      const { address } = await serve(server);
      await client.deliver(request(address));
      await server.unregister(address);
    }
  });

  it("refuses what arrives while it is taken away, and is gone then", async () => {
    const nats = await natsServer();
    const { client, server } = plane({ servers: nats.url });
    const { address, received } = await serve(server);
    await client.deliver(request(address));
    const removed = server.unregister(address);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => failureOf(client.deliver(request(address)))),
    );
    await removed;
    for (const error of answers) expect(error.code).toBe("unknown_endpoint");
    expect(await failureOf(client.deliver(request(address)))).toMatchObject({ code: "unknown_endpoint" });
    expect(received).toHaveLength(1);
    await server.unregister(address);
  });

  it("is in the queue group of Dynamo: of two that claim to be one, one is asked", async () => {
    const nats = await natsServer();
    const [one, two] = [plane({ servers: nats.url }), plane({ servers: nats.url })];
    const served = await Promise.all([serve(one.server), serve(two.server)]);
    const third = await bystander(nats);
    let seen = 0;
    third.subscribe(served[0].address, {
      queue: "q",
      callback: (_error, message) => {
        seen += 1;
        message.respond();
      },
    });
    await third.flush();
    for (let round = 0; round < 30; round += 1) await one.client.deliver(request(served[0].address));
    expect(seen + served[0].received.length + served[1].received.length).toBe(30);
  });

  it("goes on when what takes its requests fails", async () => {
    const { client, server, warnings } = plane({ servers: (await natsServer()).url, requestTimeoutMs: 200 });
    const { address } = await serve(server, ({ headers }) => {
      if (headers["fail"] !== undefined) throw new Error("a fault");
      return undefined;
    });
    expect(await failureOf(client.deliver(request(address, 10, { fail: "1" })))).toMatchObject({
      code: "deadline_exceeded",
    });
    await client.deliver(request(address));
    expect(warnings).toEqual(["A request could not be answered"]);
  });

  it("can't be registered where the permissions forbid it", async () => {
    const nats = await natsServer({
      lines: [
        'authorization { timeout: 30, users: [ { user: user, password: user, permissions: { subscribe: ["_INBOX.>"] } } ] }',
      ],
    });
    const { server } = plane({ servers: nats.url });
    const error = await failureOf(serve(server));
    expect(error).toMatchObject({ code: "permission_denied" });
    expect(error.message).toContain("test_backend.generate-feed");
  });
});

describeWithNats("permissions of a caller", () => {
  const allowing = (permissions: string) => ({
    lines: [
      `authorization { timeout: 30, users: [ { user: user, password: user, permissions: ${permissions} } ] }`,
    ],
  });

  it("that forbid the subject fail the request at once", async () => {
    const { client } = plane({ servers: (await natsServer(allowing('{ publish: ["other.>"] }'))).url });
    const error = await failureOf(client.deliver(request("test_backend.generate-1")));
    expect(error).toMatchObject({ code: "permission_denied" });
    expect(error.message).toContain("test_backend.generate-1");
  });

  it("that forbid the inbox fail the request at once, and later ones too", async () => {
    const { client } = plane({ servers: (await natsServer(allowing('{ subscribe: ["other.>"] }'))).url });
    for (let round = 0; round < 2; round += 1) {
      const error = await failureOf(client.deliver(request("test_backend.generate-1")));
      expect(error).toMatchObject({ code: "permission_denied" });
      expect(error.message).toContain("_INBOX");
    }
  });
});
