import { describeWithNats, natsServer } from "@dynamo/nats-server/vitest";
import { describe, expect, it } from "vitest";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { until } from "@dynamo/test-support";
import { collect, failureOf } from "@dynamo/test-world";
import { World } from "./support/world.ts";

describeWithNats("calls over NATS", () => {
  it("bring items back in order, with headers and the instance that answered", async () => {
    await using world = new World(await natsServer());
    const worker = await world.worker<{ count: number }, string>(async function* ({ count }, context) {
      for (let index = 0; index < count; index += 1) yield `${index} ${context.headers["x-trace"] ?? ""}`;
    });
    const { client } = await world.client<{ count: number }, string>();
    const stream = await client.roundRobin({ count: 3 }, { headers: { "X-Trace": "grün" } });
    expect(stream.instance).toBe(worker.id);
    expect(await collect(stream)).toEqual(["0 grün", "1 grün", "2 grün"]);
  });

  it("carry a hundred requests at the same time on one connection each way", async () => {
    await using world = new World(await natsServer());
    const worker = await world.worker<number, number>(async function* (value) {
      yield value;
      yield value * 2;
    });
    const caller = await world.client<number, number>();
    const values = Array.from({ length: 100 }, (_, index) => index);
    const answers = await Promise.all(values.map((value) => collect(caller.client.random(value))));
    expect(answers).toEqual(values.map((value) => [value, value * 2]));
    expect(caller.manager.health().planes).toEqual({ nats: { connections: 1, pending: 0 } });
    expect(worker.manager.health().planes).toEqual({ nats: { connections: 1, pending: 0 } });
  });

  it("end at the worker when the caller leaves its loop", async () => {
    await using world = new World(await natsServer());
    let ended = false;
    await world.worker<unknown, number>(async function* (_request, { signal }) {
      try {
        for (let index = 0; !signal.aborted; index += 1) {
          yield index;
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      } finally {
        ended = true;
      }
    });
    const { client } = await world.client<unknown, number>();
    for await (const item of await client.random({})) if (item === 3) break;
    await until("the handler has ended", () => ended);
  });

  it("hand the handler's error to the caller", async () => {
    await using world = new World(await natsServer());
    await world.worker(async function* () {
      yield 1;
      throw new RequestPlaneError("not_found", "no such thing");
    });
    const { client } = await world.client();
    const stream = await client.random({});
    expect(await failureOf(collect(stream))).toMatchObject({
      message: expect.stringContaining("no such thing") as string,
    });
  });

  it("go to another instance when one refuses or is gone", async () => {
    await using world = new World(await natsServer());
    const full = await world.worker(
      async function* () {
        yield "full";
      },
      { maxInFlight: 0 },
    );
    const gone = await world.worker(async function* () {
      yield "gone";
    });
    const healthy = await world.worker(async function* () {
      yield "healthy";
    });
    const { client } = await world.client();
    const records = await world.discovery.list({ type: "Endpoint" });
    await gone.served.close();
    for (const record of records) world.discovery.put(record);
    for (let round = 0; round < 6; round += 1) {
      const stream = await client.roundRobin({});
      expect(stream.instance).toBe(healthy.id);
      expect(await collect(stream)).toEqual(["healthy"]);
    }
    expect(await failureOf(client.direct({}, full.id))).toMatchObject({ code: "overloaded", remote: true });
    expect(await failureOf(client.direct({}, gone.id))).toMatchObject({ code: "unknown_endpoint" });
  });
});

describe("without any server", () => {
  it("making the transport and closing the manager does nothing", async () => {
    const world = new World({ url: "nats://127.0.0.1:1" } as never);
    const manager = world.manager();
    expect(manager.health().planes).toEqual({ nats: { connections: 0, pending: 0 } });
    await world[Symbol.asyncDispose]();
  });
});
