import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ResponseMode } from "@dynamo/request-plane-core";
import { describe, expect, it } from "vitest";
import { until } from "@dynamo/test-support";
import { collect, failureOf, settled } from "@dynamo/test-world";
import { World } from "./support/world.ts";

describe("the handler's context", () => {
  it("has the caller's id, headers, metadata and deadline", async () => {
    await using world = new World();
    await world.worker(function* (_request, { id, headers, metadata, deadline, ...rest }) {
      const { traceparent } = headers;
      yield {
        id,
        traceparent,
        requestId: headers["request-id"],
        metadata,
        deadline,
        rest: Object.keys(rest),
      };
    });
    const { client } = await world.client<unknown, { deadline: number }>();
    const before = Date.now();
    const options = { headers: { traceparent: "00-ab-cd-01" }, metadata: { tenant: "red" } };
    const stream = await client.roundRobin({}, { id: "id-7", timeouts: { totalMs: 5_000 }, ...options });
    expect(stream.id).toBe("id-7");
    const [seen] = await collect(stream);
    expect(seen).toMatchObject({
      id: "id-7",
      requestId: "id-7",
      traceparent: "00-ab-cd-01",
      metadata: { tenant: "red" },
    });
    expect(seen!.deadline).toBeGreaterThanOrEqual(before + 4_900);
    expect(seen!.deadline).toBeLessThanOrEqual(Date.now() + 5_000);
  });

  it("has no deadline and a fresh UUID when the caller sets neither", async () => {
    await using world = new World();
    await world.worker((_request, { id, deadline }) => [{ id, none: deadline === undefined }]);
    const { client } = await world.client<unknown, { id: string; none: boolean }>();
    const [first, second] = [...(await collect(client.random({}))), ...(await collect(client.random({})))];
    expect(first!.id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(first!.id).not.toBe(second!.id);
    expect(first!.none).toBe(true);
  });
});

it.each<[ResponseMode]>([["callhome"], ["inband"]])(
  "with responses %s, a worker keeps no payload that its handler doesn't keep",
  async (responseMode) => {
    await using world = new World();
    let payload: WeakRef<object> | undefined;
    async function* hold(signal: AbortSignal): AsyncGenerator<string> {
      yield "begun";
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    }
    const worker = await world.worker((request: object, { signal }) => {
      payload = new WeakRef(request);
      return hold(signal);
    });
    const { client, manager } = await world.client<object, string>({ settings: { responseMode } });
    const stream = await client.roundRobin({ prompt: "long" });
    await until("the payload is gone", () => {
      globalThis.gc!();
      return payload?.deref() === undefined;
    });
    expect(worker.served.inFlight).toBe(1);
    stream.cancel();
    await settled(manager, worker.manager);
  },
);

describe("an error of the handler", () => {
  const failures = [
    { thrown: new Error("broken\r\nbadly"), code: "handler_failed", message: "broken\r\nbadly" },
    { thrown: "a text" as unknown as Error, code: "handler_failed", message: "a text" },
    {
      thrown: new RequestPlaneError("invalid_argument", "too long"),
      code: "invalid_argument",
      message: "too long",
    },
    {
      thrown: new RequestPlaneError("unsupported_media", "no video"),
      code: "unsupported_media",
      message: "no video",
    },
    {
      thrown: new RequestPlaneError("not_implemented", "not yet"),
      code: "not_implemented",
      message: "not yet",
    },
  ];

  it.each(failures)(
    "arrives as what was thrown, before and after items: $code",
    async ({ thrown, code, message }) => {
      await using world = new World();
      const { served, manager } = await world.worker(async function* (before: number) {
        for (let i = 0; i < before; i += 1) yield i;
        throw thrown;
      });
      const caller = await world.client<number, number>();
      expect(await failureOf(caller.client.roundRobin(0))).toMatchObject({ code, message, remote: true });
      const items: number[] = [];
      const reading = (async () => {
        for await (const item of await caller.client.roundRobin(3)) items.push(item);
      })();
      const error = await failureOf(reading);
      expect(error).toBeInstanceOf(RequestPlaneError);
      expect(error).toMatchObject({ code, message, remote: true });
      expect(items).toEqual([0, 1, 2]);
      await until("the worker is done", () => served.inFlight === 0);
      expect(caller.client.inFlight).toBe(0);
      await settled(manager, caller.manager);
    },
  );

  it("thrown before there is a generator, or by an item that can't be encoded, arrives too", async () => {
    await using world = new World();
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    await world.worker((kind: string) => {
      if (kind === "circle") return [circle];
      throw new RequestPlaneError("rate_limited", "slow down");
    });
    const { client } = await world.client<string>();
    expect(await failureOf(client.roundRobin("throw"))).toMatchObject({ code: "rate_limited" });
    expect(await failureOf(client.roundRobin("circle"))).toMatchObject({ code: "handler_failed" });
  });
});

describe("a request that can't be sent", () => {
  it("because it can't be encoded is the caller's fault, and leaves nothing behind", async () => {
    await using world = new World();
    await world.worker(() => [1]);
    const { client } = await world.client();
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    const error = await failureOf(client.roundRobin(circle));
    expect(error).toBeInstanceOf(RequestPlaneError);
    expect(error.code).toBe("invalid_argument");
    expect(client.inFlight).toBe(0);
  });

  it("because its headers or metadata are too large is the caller's fault too", async () => {
    await using world = new World();
    await world.worker(() => [1]);
    const { client } = await world.client();
    const huge = { note: "x".repeat(200_000) };
    expect(await failureOf(client.roundRobin({}, { headers: huge }))).toMatchObject({
      code: "invalid_argument",
    });
    expect(await failureOf(client.roundRobin({}, { metadata: huge }))).toMatchObject({
      code: "invalid_argument",
    });
    expect(client.inFlight).toBe(0);
    expect(await collect(client.roundRobin({}))).toEqual([1]);
  });
});
