import { programForTests } from "@dynamo/debian-programs";
import type { Handler } from "@dynamo/request-plane-core";
import { describe, expect, test } from "vitest";
import { curl, curlJson, curlStream, HAS_CURL, jsonOptions } from "./support/curl.ts";
import { calling, request } from "./support/plane.ts";
import { PROXIES, PROXY_HOST, startProxy } from "./support/proxies.ts";
import { standsStill, until } from "@dynamo/test-support";
import { addressOf, collect, failureOf, settled } from "@dynamo/test-world";
import { World } from "./support/world.ts";
import type { ManagerSetup } from "./support/world.ts";

const WITH_ITEMS = [
  ["lines", [], (i: number) => `{"i":${i}}\n`],
  ["events", ["-H", "accept: text/event-stream"], (i: number) => `data: {"i":${i}}\n\n`],
] as const;

/** Items that a handler may yield one after the other, so that none can be shown late unseen. */
class Gate {
  #open = 0;
  allow(items: number): void {
    this.#open = items;
  }
  async *items(count: number): AsyncGenerator<{ i: number }> {
    for (let i = 0; i < count; i++) {
      await until("the reader has the item before", () => this.#open > i);
      yield { i };
    }
  }
}

const programs = await Promise.all(
  PROXIES.map(async (kind) => ({ kind, program: await programForTests(kind) })),
);

// Other systems have one address of loopback only.
const canBind = process.platform === "linux";

describe.skipIf(!canBind).each(programs)("Through $kind.name", ({ kind, program }) => {
  /** A worker that advertises the proxy's address, and the proxy. */
  async function behind<Request>(
    world: World,
    handler: Handler<Request, unknown>,
    setup: ManagerSetup & { maxInFlight?: number } = {},
  ) {
    const options = { ...setup, http: { advertiseHost: PROXY_HOST, ...setup.http } };
    const { manager, served } = await world.worker(handler, options);
    const address = new URL(addressOf(served.instance));
    expect(address.hostname).toBe(PROXY_HOST);
    const proxy = await startProxy(kind, program!, Number(address.port));
    world.onEnd(async () => proxy[Symbol.asyncDispose]());
    const http1 = new URL(address);
    http1.hostname = kind.http1Host;
    return { manager, proxy, addresses: { "HTTP/1.1": http1.href, "HTTP/2": address.href } };
  }

  describe.skipIf(program === undefined || !HAS_CURL).each([
    ["HTTP/1.1", ["--http1.1"], "1.1"],
    ["HTTP/2", ["--http2-prior-knowledge"], "2"],
  ] as const)("curl over %s", (protocol, flags, version) => {
    test.each(WITH_ITEMS)("gets %s one by one", async (_name, accept, written) => {
      await using world = new World();
      const gate = new Gate();
      const { manager, addresses } = await behind(world, ({ n }: { n: number }) => gate.items(n));
      await using stream = curlStream(...jsonOptions({ n: 4 }), ...flags, ...accept, addresses[protocol]);
      let expected = "";
      for (let i = 0; i < 4; i++) {
        gate.allow(i + 1);
        expected += written(i);
        await until(`item ${i} is here`, () => stream.body === expected);
      }
      await stream.ended;
      expect(stream.body).toBe(expected);
      await settled(manager);
    });

    test("gets whole answers, statuses and problem documents", async () => {
      await using world = new World();
      const gate = new Gate();
      const { manager, addresses } = await behind(world, ({ n }: { n: number }) => gate.items(n), {
        http: { maxMessageBytes: 2048 },
        maxInFlight: 1,
      });
      const address = addresses[protocol];
      gate.allow(2);
      expect(await curlJson(address, { n: 2 }, ...flags)).toMatchObject({
        status: 200,
        version,
        type: "application/x-ndjson",
        body: '{"i":0}\n{"i":1}\n',
        exitCode: 0,
      });
      const list = await curl(...flags, address.replace("/generate", ""));
      expect(JSON.parse(list.body)).toMatchObject({ endpoints: [{ url: addresses["HTTP/2"] }] });
      const elsewhere = await curlJson(`${address}s`, {}, ...flags);
      const large = await curlJson(address, "x".repeat(2048), ...flags);
      await using running = curlStream(...jsonOptions({ n: 3 }), ...flags, address);
      await until("the worker is full", () => running.body.includes("1"));
      const full = await curlJson(address, {}, ...flags);
      for (const [answer, status, facts] of [
        [elsewhere, 404, { code: "unknown_endpoint" }],
        [large, 413, { limit: 2048, setting: "DYN_HTTP_MAX_MESSAGE_SIZE" }],
        [full, 429, { limit: 1, setting: "DYN_ENGINE_REQUEST_LIMIT" }],
      ] as const) {
        expect(answer).toMatchObject({ status, type: "application/problem+json", exitCode: 0 });
        expect(JSON.parse(answer.body)).toMatchObject({ status, ...facts });
      }
      await running.interrupt();
      gate.allow(3);
      await settled(manager);
    });

    test("is refused also before it has sent everything", async () => {
      await using world = new World();
      const { manager, addresses } = await behind(world, () => new Gate().items(0));
      const upload = ["-X", "POST", "-T", "-", "-H", "expect:", "-H", "content-type: application/json"];
      await using stream = curlStream(...flags, ...upload, `${addresses[protocol]}s`);
      await until("the worker has its head", () => manager.health().planes["http"]!.pending === 1);
      stream.send("{}");
      expect(await stream.ended).toBe(0);
      expect(JSON.parse(stream.body)).toMatchObject({ status: 404, code: "unknown_endpoint" });
    });

    test("that reads nothing makes the handler wait", async () => {
      await using world = new World();
      let yielded = 0;
      const { manager, addresses } = await behind(world, async function* () {
        for (;;) {
          yielded += 1;
          yield "x".repeat(10_000);
        }
      });
      await using stream = curlStream(...jsonOptions({}), ...flags, addresses[protocol]);
      await until("it streams", () => stream.body.length > 0);
      stream.freeze();
      // What the kernel, the windows and the proxy hold is a few megabytes.
      expect((await standsStill("the handler", () => yielded)) * 10_000).toBeLessThan(64 * 1024 * 1024);
      await stream.interrupt();
      await settled(manager);
    });

    test("that is interrupted kills the request at the worker", async () => {
      await using world = new World();
      let killed = false;
      const { manager, addresses } = await behind(world, async function* (_request: unknown, context) {
        yield "first";
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        killed = context.isKilled;
      });
      await using stream = curlStream(...jsonOptions({}), ...flags, addresses[protocol]);
      await until("it streams", () => stream.body === '"first"\n');
      await stream.interrupt();
      await until("the handler knows", () => killed);
      await settled(manager);
    });
  });

  describe.skipIf(program === undefined).each([
    ["call home", "callhome"],
    ["answer in-band", "inband"],
  ] as const)("callers of the request plane whose workers %s", (_what, responseMode) => {
    const settings = { responseMode };

    test("ask many at a time, with large requests, and cancel what they want no more of", async () => {
      await using world = new World();
      let aborted = 0;
      const worker = await behind(
        world,
        async function* ({ n, text }: { n: number; text: string }, { signal }) {
          yield text.length;
          for (let i = 1; i < n; i++) yield i;
          if (n > 0) return;
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          aborted += 1;
        },
      );
      const { manager, client } = await world.client<{ n: number; text: string }, number>({ settings });
      const calls = Array.from({ length: 300 }, () => collect(client.roundRobin({ n: 3, text: "abc" })));
      for (const items of await Promise.all(calls)) expect(items).toEqual([3, 1, 2]);
      const text = "x".repeat(5_000_000);
      expect(await collect(client.roundRobin({ n: 1, text }))).toEqual([5_000_000]);
      for await (const item of await client.roundRobin({ n: 0, text: "" })) {
        expect(item).toBe(0);
        break;
      }
      await until("the handler knows", () => aborted === 1);
      await settled(manager, worker.manager);
    });

    test("get items one by one, and stop a handler, whose last words they read", async () => {
      await using world = new World();
      const gate = new Gate();
      const worker = await behind(world, async function* (_request: unknown, context): AsyncGenerator {
        yield* gate.items(3);
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        yield context.isKilled ? "killed" : "stopped";
      });
      const { manager, client } = await world.client({ settings });
      gate.allow(1);
      const stream = await client.roundRobin({});
      const items = stream[Symbol.asyncIterator]();
      for (let i = 0; i < 3; i += 1) {
        expect(await items.next()).toEqual({ done: false, value: { i } });
        gate.allow(i + 2);
      }
      stream.stop();
      expect(await items.next()).toEqual({ done: false, value: "stopped" });
      expect((await items.next()).done).toBe(true);
      await settled(manager, worker.manager);
    });

    test("hear of the worker's refusal, and that it is gone", async () => {
      await using world = new World();
      const gate = new Gate();
      const worker = await behind(world, ({ n }: { n: number }) => gate.items(n), { maxInFlight: 1 });
      const { manager, client } = await world.client<{ n: number }, { i: number }>({ settings });
      gate.allow(1);
      const stream = await client.roundRobin({ n: 2 });
      const full = await failureOf(client.roundRobin({ n: 1 }));
      expect(full).toMatchObject({ code: "overloaded", facts: { limit: 1 } });
      gate.allow(2);
      expect(await collect(stream)).toEqual([{ i: 0 }, { i: 1 }]);
      await settled(manager, worker.manager);
      await worker.manager.close({ drainMs: 0 });
      const after = await failureOf(client.roundRobin({ n: 1 }));
      expect(["unavailable", "no_instances"]).toContain(after.code);
      await using plane = calling();
      const gone = await failureOf(plane.deliver(request(worker.addresses["HTTP/2"])));
      expect(gone.code).toBe("unavailable");
    });
  });
});
