import { AnnotatedItem, EncodedPayload, RequestPlaneError } from "@dynamo/request-plane-core";
import { describe, expect, it } from "vitest";
import { collect, idOf, NAME, settled } from "@dynamo/test-world";
import { World } from "./support/world.ts";

async function* count(upTo: number) {
  for (let i = 0; i < upTo; i += 1) yield i;
}

async function* echo(request: unknown) {
  yield request;
}

describe("a call", () => {
  it("gets the items in the order in which they were yielded", async () => {
    await using world = new World();
    const worker = await world.worker(count);
    const { client, manager } = await world.client<number, number>();
    expect(await collect(client.roundRobin(10_000))).toEqual([...Array(10_000).keys()]);
    await settled(manager, worker.manager);
    expect(worker.served.inFlight).toBe(0);
    expect(client.inFlight).toBe(0);
  });

  it("says once that it is over, however it ended", async () => {
    await using world = new World();
    await world.worker(async function* (upTo: number) {
      if (upTo < 0) throw new Error("less than nothing");
      for (let i = 0; i < upTo; i += 1) yield i;
      if (upTo === 3) await new Promise(() => undefined);
    });
    const { client } = await world.client<number, number>();
    let ended = 0;
    const onEnd = (): void => void (ended += 1);
    expect(await collect(client.roundRobin(2, { onEnd }))).toEqual([0, 1]);
    expect(ended).toBe(1);
    await expect(collect(client.random(-1, { onEnd }))).rejects.toThrow();
    expect(ended).toBe(2);
    for await (const item of await client.powerOfTwo(3, { onEnd })) if (item === 1) break;
    expect(ended).toBe(3);
    (await client.leastLoaded(3, { onEnd })).cancel();
    expect(ended).toBe(4);
    await expect(client.roundRobin(1, { onEnd, signal: AbortSignal.abort() })).rejects.toThrow();
    await expect(client.direct(1, 12345n, { onEnd })).rejects.toThrow("no instance");
    await client.close();
    await expect(client.roundRobin(1, { onEnd })).rejects.toThrow("closed");
    expect(ended).toBe(7);
    expect(client.inFlight).toBe(0);
  });

  it("ends cleanly when the handler yields nothing", async () => {
    await using world = new World();
    await world.worker(count);
    const { client } = await world.client<number, number>();
    expect(await collect(client.roundRobin(0))).toEqual([]);
    expect(client.inFlight).toBe(0);
  });

  it("takes plain iterables, whose items may be falsy", async () => {
    await using world = new World();
    await world.worker(() => [0, "", false, null, 1]);
    const { client } = await world.client();
    expect(await collect(client.roundRobin({}))).toEqual([0, "", false, null, 1]);
  });

  it("carries one megabyte in each direction unchanged", async () => {
    await using world = new World();
    await world.worker(echo);
    const { client } = await world.client<string, string>();
    const megabyte = "0123456789abcdef".repeat(65_536);
    const [item] = await collect(client.roundRobin(megabyte));
    expect(item === megabyte).toBe(true);
  });

  it("carries every kind of text unchanged", async () => {
    await using world = new World();
    await world.worker(echo);
    const { client } = await world.client<string, string>();
    const texts = ["žluťoučký 日本語 🏳️‍🌈", '\u2028\u2029\u0000\r\n\t"\\', "é".repeat(40_000)];
    for (const text of texts) expect(await collect(client.roundRobin(text))).toEqual([text]);
    // Half a character is no text in UTF-8.
    expect(await collect(client.roundRobin("\ud83d"))).toEqual(["\ufffd"]);
  });

  it("sends encoded bytes untouched", async () => {
    await using world = new World();
    await world.worker(echo);
    const { client } = await world.client();
    // Spaces and an escape that an encoder of ours would write in another way.
    const bytes = Buffer.from('{ "n" : 1.50, "t":"\\u0041" }');
    expect(await collect(client.roundRobin(new EncodedPayload(bytes, "json")))).toEqual([{ n: 1.5, t: "A" }]);
    expect(bytes.toString()).toBe('{ "n" : 1.50, "t":"\\u0041" }');
  });

  it("shows annotations to those who ask and only data to the others", async () => {
    await using world = new World();
    await world.worker(function* () {
      yield new AnnotatedItem({ event: "phase", comment: ['{"x":1}'] });
      yield new AnnotatedItem({ data: "first", id: "1" });
      yield "second";
    });
    const { client } = await world.client<unknown, string>();
    expect(await collect(client.roundRobin({}))).toEqual(["first", "second"]);
    const stream = await client.roundRobin({});
    expect(await collect(stream.annotated())).toEqual([
      { event: "phase", comment: ['{"x":1}'] },
      { data: "first", id: "1" },
      { data: "second" },
    ]);
  });

  it("answers calls of next that overlap in order", async () => {
    await using world = new World();
    await world.worker(async function* (upTo: number) {
      for (let i = 0; i < upTo; i += 1) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        yield i;
      }
    });
    const { client } = await world.client<number, number>();
    const iterator = (await client.roundRobin(8))[Symbol.asyncIterator]();
    const results = await Promise.all(Array.from({ length: 10 }, () => iterator.next()));
    expect(results.map(({ value }) => value)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, undefined, undefined]);
    expect(results.map(({ done }) => done)).toEqual([...Array<boolean>(8).fill(false), true, true]);
  });

  it("finds its endpoint and instance behind one listener", async () => {
    await using world = new World();
    const manager = world.manager();
    for (const endpoint of ["chat", "embed"]) {
      for (const id of [1, 2]) {
        const name = { namespace: "test", component: "backend", endpoint };
        await manager.endpoint(name).serve(() => [`${endpoint} ${id}`], { instanceId: idOf(id) });
      }
    }
    const caller = world.manager();
    for (const endpoint of ["chat", "embed"]) {
      const client = caller.endpoint(`test.backend.${endpoint}`).client();
      await client.waitForInstances({ count: 2, timeoutMs: 5_000 });
      for (const id of [1, 2]) {
        expect(await collect(client.direct({}, idOf(id)))).toEqual([`${endpoint} ${id}`]);
      }
    }
  });

  it("goes to a manager that serves while it calls others itself", async () => {
    await using world = new World();
    const far = world.manager();
    await far.endpoint<number, number>("test.far.double").serve((n) => [n * 2]);
    const near = world.manager();
    const farClient = near.endpoint<number, number>("test.far.double").client();
    await farClient.waitForInstances({ timeoutMs: 5_000 });
    await near.endpoint<number, number>(NAME).serve(async function* (n) {
      for await (const item of await farClient.roundRobin(n)) yield item + 1;
    });
    const client = far.endpoint<number, number>(NAME).client();
    await client.waitForInstances({ timeoutMs: 5_000 });
    expect(await collect(client.roundRobin(20))).toEqual([41]);
  });
});

describe("routing", () => {
  async function threeWorkers(world: World): Promise<string[]> {
    const workers = [1, 2, 3].map((n) => world.worker(() => [`w${n}`], { instanceId: idOf(n) }));
    await Promise.all(workers);
    return ["w1", "w2", "w3"];
  }

  it("round-robin gives each instance the same share, in turn", async () => {
    await using world = new World();
    const names = await threeWorkers(world);
    const { client } = await world.client<unknown, string>();
    const order: string[] = [];
    for (let i = 0; i < 9; i += 1) order.push(...(await collect(client.roundRobin({}))));
    expect(order).toEqual([...names, ...names, ...names]);
  });

  it("random reaches every instance", async () => {
    await using world = new World();
    const names = await threeWorkers(world);
    const { client } = await world.client<unknown, string>();
    const seen = new Set<string>();
    // With a fair choice one of three stays out of 120 draws once in 10^20 runs.
    for (let i = 0; i < 120; i += 1) for (const name of await collect(client.random({}))) seen.add(name);
    expect([...seen].sort()).toEqual(names);
  });

  it("names the instances that are better not asked, until they are well again", async () => {
    await using world = new World();
    let isBroken = true;
    const worker = await world.worker(
      async function* () {
        if (isBroken) throw new RequestPlaneError("unavailable", "not now");
        yield 1;
      },
      { instanceId: idOf(1) },
    );
    const { client } = await world.client<unknown, number>();
    expect(client.avoided()).toEqual(new Set());
    await expect(collect(client.direct({}, worker.served.instance.instance_id))).rejects.toThrow();
    expect(client.avoided()).toEqual(new Set([idOf(1)]));
    isBroken = false;
    await collect(client.direct({}, idOf(1)));
    expect(client.avoided()).toEqual(new Set());
  });

  it("leastLoaded goes where the fewest requests of this client run", async () => {
    await using world = new World();
    const open = Promise.withResolvers<undefined>();
    const hold = (n: number) =>
      async function* (wait: boolean) {
        yield n;
        if (wait) await open.promise;
      };
    await Promise.all([1, 2].map((n) => world.worker(hold(n), { instanceId: idOf(n) })));
    const { client } = await world.client<boolean, number>();
    const held = await client.direct(true, idOf(1));
    const others = await Promise.all([1, 2, 3].map(() => client.leastLoaded(false).then(collect)));
    expect(held.instance).toBe(idOf(1));
    expect(new Set(await collect(client.leastLoaded(false)))).toEqual(new Set([2]));
    expect(others.flat().filter((n) => n === 2).length).toBeGreaterThanOrEqual(2);
    open.resolve(undefined);
    expect(await collect(held)).toEqual([1]);
  });

  it("direct asks the named instance only, and says so when it is unknown", async () => {
    await using world = new World();
    await threeWorkers(world);
    const { client } = await world.client<unknown, string>();
    for (let i = 0; i < 4; i += 1) expect(await collect(client.direct({}, idOf(2)))).toEqual(["w2"]);
    await expect(client.direct({}, 7n)).rejects.toMatchObject({ code: "no_instances" });
  });
});
