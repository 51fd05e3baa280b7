/** What all backends promise. */
import type { Discovery } from "@dynamo/request-plane-core";
import { describeWithEtcd, etcdServer } from "@dynamo/etcd-server/vitest";
import { describe, expect, test } from "vitest";
import { etcdDiscovery } from "../src/etcd/index.ts";
import { fileDiscovery, memoryDiscovery, modelRecord, textChatCard } from "../src/index.ts";
import { until } from "@dynamo/test-support";
import { closedAfterTest, ENDPOINTS, Follower, temporaryFolder } from "./helpers.ts";
import { endpoint } from "./records.ts";

const BACKENDS: Record<string, () => Promise<Discovery>> = {
  mem: async () => memoryDiscovery(),
  "file, layout 0.8": async () => fileDiscovery({ root: await temporaryFolder() }),
  "file, layout 0.7": async () => fileDiscovery({ root: await temporaryFolder(), layout: "0.7" }),
};

describe.each(Object.entries(BACKENDS))("%s", (_name, make) => keepsPromises(make));

describeWithEtcd("etcd", () =>
  keepsPromises(async () => etcdDiscovery({ endpoints: (await etcdServer()).url, environment: {} })),
);

function keepsPromises(make: () => Promise<Discovery>): void {
  const open = async (): Promise<Discovery> => closedAfterTest(await make());

  test("lists what is registered, by query", async () => {
    const discovery = await open();
    const other = { ...endpoint(2n), component: "other" };
    const model = modelRecord(endpoint(1n), textChatCard("m"));
    for (const record of [endpoint(1n), other, model]) await discovery.register(record);
    expect(await discovery.list({ type: "Model" })).toEqual([model]);
    expect(await discovery.list({ ...ENDPOINTS, component: "other" })).toEqual([other]);
    expect(await discovery.list({ ...ENDPOINTS, namespace: "dyn" })).toEqual([]);
    expect(new Set(await discovery.list(ENDPOINTS))).toEqual(new Set([endpoint(1n), other]));
  });

  test("a watch shows what is there, then what changes", async () => {
    const discovery = await open();
    await discovery.register(endpoint(1n, "a"));
    const follower = new Follower(discovery.watch({ ...ENDPOINTS, namespace: "dynamo" }));
    await until("the first is seen", () => follower.events.length === 1);
    const second = await discovery.register(endpoint(2n));
    await until("the second is seen", () => follower.events.length === 2);
    await discovery.register(endpoint(1n, "b"));
    await until("the change is seen", () => follower.events.length === 3);
    await second.unregister();
    await until("the removal is seen", () => follower.events.length === 4);
    expect(follower.kinds).toEqual(["added", "added", "changed", "removed"]);
    expect(follower.last(1n)?.record).toEqual(endpoint(1n, "b"));
    expect(follower.last(2n)?.record).toEqual(endpoint(2n));
  });

  test("the same value again is no event", async () => {
    const discovery = await open();
    await discovery.register(endpoint(1n));
    const follower = new Follower(discovery.watch(ENDPOINTS));
    await until("it is seen", () => follower.known.size === 1);
    await discovery.register(endpoint(1n));
    await discovery.register(endpoint(2n));
    await until("the next is seen", () => follower.known.size === 2);
    expect(follower.kinds).toEqual(["added", "added"]);
  });

  test("unregistering twice does nothing, nor does unregistering what was overwritten", async () => {
    const discovery = await open();
    const first = await discovery.register(endpoint(1n));
    const second = await discovery.register(endpoint(1n));
    await first.unregister();
    expect(await discovery.list(ENDPOINTS)).toEqual([endpoint(1n)]);
    await second.unregister();
    await second.unregister();
    expect(await discovery.list(ENDPOINTS)).toEqual([]);
  });

  test("a record is a copy", async () => {
    const discovery = await open();
    const transport = { tcp: "before" };
    await discovery.register({ ...endpoint(1n), transport });
    transport.tcp = "after";
    expect(await discovery.list(ENDPOINTS)).toEqual([endpoint(1n, "before")]);
  });

  test("odd names and every id come back", async () => {
    const discovery = await open();
    const odd = { namespace: "a.b/c%2F", component: "ü 漢字", endpoint: "../..\n😀" };
    const records = [0n, 2n ** 53n + 1n, 2n ** 64n - 1n].map((id) => ({ ...endpoint(id), ...odd }));
    for (const record of records) await discovery.register(record);
    const follower = new Follower(discovery.watch({ ...ENDPOINTS, ...odd }));
    await until("all are seen", () => follower.known.size === 3);
    expect(new Set(await discovery.list({ ...ENDPOINTS, ...odd }))).toEqual(new Set(records));
    expect(new Set(follower.known.values())).toEqual(new Set(records));
  });

  test("a watch ends with its signal, with its loop, and with the backend", async () => {
    const discovery = await open();
    await discovery.register(endpoint(1n));
    const controller = new AbortController();
    const bySignal = new Follower(discovery.watch(ENDPOINTS, controller.signal));
    const byClose = new Follower(discovery.watch(ENDPOINTS));
    await until("both run", () => bySignal.known.size + byClose.known.size === 2);
    for await (const event of discovery.watch(ENDPOINTS)) {
      expect(event.kind).toBe("added");
      break;
    }
    controller.abort();
    await bySignal.ended;
    await new Follower(discovery.watch(ENDPOINTS, controller.signal)).ended;
    const unread = discovery.watch(ENDPOINTS);
    await discovery.close();
    await byClose.ended;
    await new Follower(unread).ended;
    expect(byClose.kinds).toEqual(["added"]);
  });

  test("after closing nothing works but closing and unregistering", async () => {
    const discovery = await open();
    const registration = await discovery.register(endpoint(1n));
    await discovery.close();
    await discovery.close();
    await registration.unregister();
    const closed: unknown = expect.objectContaining({ code: "closed" });
    await expect(discovery.register(endpoint(1n))).rejects.toThrow(closed);
    await expect(discovery.list(ENDPOINTS)).rejects.toThrow(closed);
    expect(() => discovery.watch(ENDPOINTS)).toThrow(closed);
  });

  test("what is no record is refused", async () => {
    const discovery = await open();
    const invalid: unknown = expect.objectContaining({ code: "invalid_argument" });
    await expect(discovery.register({ ...endpoint(1n), type: "Widget" })).rejects.toThrow(invalid);
    await expect(discovery.register({ ...endpoint(1n), endpoint: "" })).rejects.toThrow(invalid);
    expect(await discovery.list(ENDPOINTS)).toEqual([]);
  });
}
