import { join } from "node:path";
import { expect, test } from "vitest";
import { defaultFileRoot, discoveryFromEnv, fileDiscovery } from "../src/index.ts";
import { closedAfterTest, ENDPOINTS, temporaryFolder } from "./helpers.ts";
import { endpoint } from "./records.ts";

const invalid = (...texts: string[]): unknown =>
  expect.objectContaining({
    code: "invalid_configuration",
    message: expect.stringMatching(new RegExp(texts.join(".*"))) as unknown,
  });

test.each([
  [{}, "file"],
  [{ DYN_DISCOVERY_BACKEND: "" }, "file"],
  [{ DYN_DISCOVERY_BACKEND: "file" }, "file"],
  [{ DYN_DISCOVERY_BACKEND: "mem" }, "mem"],
  [{ DYN_DISCOVERY_BACKEND: "etcd" }, "etcd"],
])("%j makes the backend %s", async (env, name) => {
  expect(closedAfterTest(await discoveryFromEnv(env)).name).toBe(name);
});

test("what is said in code wins", async () => {
  const discovery = await discoveryFromEnv({ DYN_DISCOVERY_BACKEND: "etcd" }, { backend: "mem" });
  expect(closedAfterTest(discovery).name).toBe("mem");
});

test("the folder is that of DYN_FILE_KV", async () => {
  const root = await temporaryFolder();
  const discovery = closedAfterTest(await discoveryFromEnv({ DYN_FILE_KV: root }));
  await discovery.register(endpoint(1n));
  const other = closedAfterTest(fileDiscovery({ root }));
  expect(await other.list(ENDPOINTS)).toEqual([endpoint(1n)]);
});

test("the folder without DYN_FILE_KV", () => {
  expect(defaultFileRoot({ DYN_FILE_KV: "/kv", TMPDIR: "/t" })).toBe("/kv");
  expect(defaultFileRoot({ DYN_FILE_KV: "", TMPDIR: "/t" })).toBe(join("/t", "dynamo_store_kv"));
  expect(defaultFileRoot({})).toBe("/tmp/dynamo_store_kv");
});

test("the layout is that of DYN_FILE_KV_LAYOUT, unless code says another", async () => {
  const root = await temporaryFolder();
  const environment = { DYN_FILE_KV: root, DYN_FILE_KV_LAYOUT: "0.7" };
  const discovery = closedAfterTest(await discoveryFromEnv(environment));
  await discovery.register(endpoint(1n));
  const seen = async (layout: "0.7" | "0.8"): Promise<unknown> =>
    closedAfterTest(fileDiscovery({ environment, layout })).list(ENDPOINTS);
  expect(await seen("0.7")).toEqual([endpoint(1n)]);
  expect(await seen("0.8")).toEqual([]);
});

test("a layout that nobody knows is an error, not the default", async () => {
  const discovery = discoveryFromEnv({ DYN_FILE_KV_LAYOUT: "0.9" });
  await expect(discovery).rejects.toThrow(invalid("0.9", "DYN_FILE_KV_LAYOUT", "0.8 or 0.7"));
});

test("kubernetes is refused with what there is", async () => {
  const discovery = discoveryFromEnv({ DYN_DISCOVERY_BACKEND: "kubernetes" });
  await expect(discovery).rejects.toThrow(invalid("kubernetes", "file, mem, etcd"));
});

test("a name that nobody knows is an error with the variable, the value and the valid ones", async () => {
  await expect(discoveryFromEnv({ DYN_DISCOVERY_BACKEND: "consul" })).rejects.toThrow(
    invalid("DYN_DISCOVERY_BACKEND", "consul", "file, mem, etcd"),
  );
});

test.each([
  { leaseMs: 0 },
  { leaseMs: NaN },
  { leaseMs: 2 ** 31 },
  { touchMs: 0 },
  { leaseMs: 500, touchMs: 500 },
])("%j is refused", (options) => {
  expect(() => fileDiscovery(options)).toThrow(invalid("Ms must be"));
});

test("an unknown layout is refused with the valid ones", () => {
  expect(() => fileDiscovery({ layout: "1.0" as "0.8" })).toThrow(invalid("1\\.0", "0\\.8 or 0\\.7"));
});
