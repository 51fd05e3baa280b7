/** Callers and workers with and without msgpack, in one deployment. */
import { EncodedPayload } from "@dynamo/request-plane-core";
import type { Instance } from "@dynamo/request-plane-core";
import { msgpack } from "@dynamo/request-plane-core/msgpack";
import { describe, expect, it } from "vitest";
import { collect, failureOf, NAME, settled } from "@dynamo/test-world";
import { World } from "./support/world.ts";

const BINARY = { bytes: new Uint8Array([0, 0xff, 0xed]), id: 2n ** 64n - 1n, nan: NaN, list: ["žluť", null] };
const PLAIN = { text: "žluť", list: [1, 2.5, null], at: 1_763_999_999_000 };

async function* twice(request: unknown) {
  yield request;
  yield request;
}

/** An instance that says that it takes msgpack, or no longer does. */
function advertising(instance: Instance, codec: "msgpack" | undefined) {
  const { request_plane_codec: _, ...record } = instance;
  return { ...record, type: "Endpoint", ...(codec && { request_plane_codec: codec }) };
}

describe.each(["auto", "callhome"] as const)("a worker with msgpack, responses %s", (responseMode) => {
  const settings = { responseMode };

  it("advertises it and gets binary payloads, which come back as they are", async () => {
    await using world = new World();
    const worker = await world.worker(twice, { payloadCodec: msgpack, settings });
    expect(worker.served.instance.request_plane_codec).toBe("msgpack");
    const { client, manager } = await world.client({ payloadCodec: msgpack, settings });
    expect(await collect(client.roundRobin(BINARY))).toEqual([BINARY, BINARY]);
    await settled(manager, worker.manager);
  });

  it("answers callers that have only JSON in JSON", async () => {
    await using world = new World();
    await world.worker(twice, { payloadCodec: msgpack, settings });
    const { client } = await world.client({ settings });
    expect(await collect(client.roundRobin(PLAIN))).toEqual([PLAIN, PLAIN]);
    const json = new EncodedPayload(Buffer.from('{"n":1}'), "json");
    expect(await collect(client.roundRobin(json))).toEqual([{ n: 1 }, { n: 1 }]);
  });

  it("answers each request of one caller in its own codec", async () => {
    await using world = new World();
    await world.worker(twice, { payloadCodec: msgpack, settings });
    const { client } = await world.client({ payloadCodec: msgpack, settings });
    const json = new EncodedPayload(Buffer.from(JSON.stringify(PLAIN)), "json");
    const encoded = new EncodedPayload(msgpack.encode(BINARY), "msgpack");
    const answers = await Promise.all([json, encoded, BINARY].map((r) => collect(client.roundRobin(r))));
    expect(answers.map(([item]) => item)).toEqual([PLAIN, BINARY, BINARY]);
  });

  it("passes its handler's errors on, and what comes before them", async () => {
    await using world = new World();
    const worker = await world.worker(
      async function* () {
        yield BINARY;
        throw new Error("boom");
      },
      { payloadCodec: msgpack, settings },
    );
    const { client, manager } = await world.client({ payloadCodec: msgpack, settings });
    const stream = await client.roundRobin({});
    const items: unknown[] = [];
    const error = await failureOf(
      (async () => {
        for await (const item of stream) items.push(item);
      })(),
    );
    expect(items).toEqual([BINARY]);
    expect(error).toMatchObject({ code: "handler_failed", message: "boom" });
    await settled(manager, worker.manager);
  });

  it("can yield nothing and stop early", async () => {
    await using world = new World();
    await world.worker(() => [], { payloadCodec: msgpack, settings });
    const { client } = await world.client({ payloadCodec: msgpack, settings });
    expect(await collect(client.roundRobin({}))).toEqual([]);
  });
});

describe("a caller with msgpack", () => {
  it("speaks JSON with workers that don't advertise it, also in one fleet", async () => {
    await using world = new World();
    const seen: string[] = [];
    const noting = (name: string) =>
      async function* (request: unknown) {
        seen.push(name);
        yield request;
      };
    await world.worker(noting("json"));
    await world.worker(noting("msgpack"), { payloadCodec: msgpack });
    const { client } = await world.client({ payloadCodec: msgpack });
    for (let i = 0; i < 4; i += 1) expect(await collect(client.roundRobin(PLAIN))).toEqual([PLAIN]);
    expect(seen.sort()).toEqual(["json", "json", "msgpack", "msgpack"]);
  });

  it("moves on to a worker of the other codec when one is gone", async () => {
    await using world = new World();
    await world.worker(twice);
    const gone = await world.worker(twice, { payloadCodec: msgpack });
    await gone.manager.close();
    world.discovery.put(advertising(gone.served.instance, "msgpack"));
    const { client } = await world.client({ payloadCodec: msgpack });
    for (let i = 0; i < 4; i += 1) expect(await collect(client.roundRobin(PLAIN))).toEqual([PLAIN, PLAIN]);
  });

  it("is told clearly by a worker that advertises what it doesn't take", async () => {
    await using world = new World();
    const worker = await world.worker(twice);
    world.discovery.put(advertising(worker.served.instance, "msgpack"));
    const { client, manager } = await world.client({ payloadCodec: msgpack });
    expect(await failureOf(client.roundRobin({}))).toMatchObject({
      code: "invalid_argument",
      message: "This worker takes JSON payloads, not msgpack",
      facts: { endpoint: NAME },
    });
    await settled(manager, worker.manager);
    expect(client.inFlight).toBe(0);
  });

  it("refuses what can't be written, and bytes that it could not read the answer of", async () => {
    await using world = new World();
    await world.worker(twice, { payloadCodec: msgpack });
    const { client, manager } = await world.client({ payloadCodec: msgpack });
    expect(await failureOf(client.roundRobin({ f: () => 1 }))).toMatchObject({
      code: "invalid_argument",
      message: "The request can't be written in msgpack",
    });
    const { client: jsonOnly, manager: other } = await world.client();
    const encoded = new EncodedPayload(msgpack.encode({}), "msgpack");
    expect(await failureOf(jsonOnly.roundRobin(encoded))).toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("'payloadCodec'") as string,
    });
    await settled(manager, other);
    expect([client.inFlight, jsonOnly.inFlight]).toEqual([0, 0]);
  });

  it("sends what the request was when the call was made", async () => {
    await using world = new World();
    await world.worker(twice, { payloadCodec: msgpack });
    const { client } = await world.client({ payloadCodec: msgpack });
    const request = { n: 1 };
    const items = collect(client.roundRobin(request));
    request.n = 2;
    expect(await items).toEqual([{ n: 1 }, { n: 1 }]);
  });
});
