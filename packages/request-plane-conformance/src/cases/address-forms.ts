/**
 * Addresses lead to the endpoint that gave them, whatever its names and its id are, and nowhere else.
 */
import assert from "node:assert/strict";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { EndpointName, InstanceId } from "@dynamo/request-plane-core";
import { inGroup } from "../case.ts";
import type { ConformanceCase } from "../case.ts";
import { collect, fails, outbound } from "../checks.ts";
import { PROMPT_MS, within } from "../waiting.ts";

type Case = Omit<ConformanceCase, "group">;
const requires = ["own worker"] as const;

const NAMES: Readonly<Record<string, Partial<EndpointName>>> = {
  "with dashes and underscores": { endpoint: "generate-text_v2" },
  "in upper case": { endpoint: "Generate", component: "VllmWorker" },
  "of one letter": { component: "c", endpoint: "e" },
  "of 100 letters": { endpoint: "e".repeat(100) },
  "of digits": { component: "0", endpoint: "42" },
};

const names = Object.entries(NAMES).map(([what, name]): Case => ({
  name: `an endpoint with a name ${what} is served and found`,
  requires,
  run: async (world) => {
    const full = { ...world.name, ...name };
    await world.serve(() => [full.endpoint], { name: full });
    const client = world.callerManager().endpoint(full).client();
    await client.waitForInstances({ timeoutMs: 10_000 });
    assert.deepEqual(await collect(client.roundRobin({})), [full.endpoint]);
  },
}));

/** Characters that mean something in some plane's addresses. */
const ODD = ["a/b", "a b", "a%2Fb", "a.b", "a*b", "a>b", "größe", "a?b=c", "a#b"];

const odd = ODD.map((endpoint): Case => ({
  name: `the name '${endpoint}' is either refused or served like any other, and never mistaken`,
  requires,
  run: async (world) => {
    const server = await world.server();
    const seen: string[] = [];
    const plain = await server.register(world.registration(() => void seen.push("plain"), { endpoint: "a" }));
    const address = await server
      .register(world.registration(() => void seen.push("odd"), { endpoint }))
      .catch(refusal);
    const client = world.client();
    await client.deliver(outbound(plain));
    if (typeof address === "string") await client.deliver(outbound(address));
    assert.deepEqual(seen, typeof address === "string" ? ["plain", "odd"] : ["plain"]);
  },
}));

const IDS: readonly InstanceId[] = [0n, 1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];

const ids = IDS.map((instanceId): Case => ({
  name: `the instance ${instanceId} is served and answers`,
  requires,
  run: async (world) => {
    const { record } = await world.serve(() => [String(instanceId)], { instanceId });
    assert.equal(record.instance_id, instanceId);
    const { client } = await world.caller();
    const stream = await client.direct({}, instanceId);
    assert.equal(stream.instance, instanceId);
    assert.deepEqual(await collect(stream), [String(instanceId)]);
  },
}));

const NONSENSE = [
  "",
  "nonsense",
  "/",
  ":",
  "127.0.0.1",
  "127.0.0.1:99999/x",
  "host name:1/x",
  "a/b/c/d/e/f/g",
  "\0",
  "ÿ",
];

const nonsense = NONSENSE.map((address): Case => ({
  name: `the address ${JSON.stringify(address)} fails, with an error of the plane, and soon`,
  requires,
  settings: { acknowledgeTimeoutMs: 1_000, connectTimeoutMs: 1_000 },
  run: async (world) => {
    const { client } = { client: world.client() };
    const outcome = await within(
      "The failure",
      client.deliver(outbound(address)).then(() => undefined, refusal),
      PROMPT_MS,
    );
    assert.ok(RequestPlaneError.is(outcome), "It was delivered, or failed with an error of no known class");
    const codes = [
      "cannot_connect",
      "unknown_endpoint",
      "invalid_argument",
      "unavailable",
      "deadline_exceeded",
    ];
    assert.ok(codes.includes(outcome.code), `${outcome.code}: ${outcome.message}`);
    assert.equal(client.health().pending, 0);
  },
}));

const others: readonly Case[] = [
  {
    name: "two instances of one endpoint at one server have addresses of their own",
    requires,
    run: async (world) => {
      const server = await world.server();
      const seen: bigint[] = [];
      const client = world.client();
      const ids = [7n, 8n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 2n, 2n ** 64n - 1n];
      const addresses = [];
      for (const instanceId of ids) {
        addresses.push(
          await server.register(world.registration(() => void seen.push(instanceId), { instanceId })),
        );
      }
      for (const address of addresses) await client.deliver(outbound(address));
      assert.deepEqual(seen, ids);
    },
  },
  {
    name: "the same endpoint name in two namespaces and components has addresses of its own",
    requires,
    run: async (world) => {
      const server = await world.server();
      const { namespace } = world.name;
      const parts = [{}, { namespace: `${namespace}b` }, { component: "other" }, { endpoint: "other" }];
      const addresses = new Set<string>();
      for (const name of parts) {
        addresses.add(
          await server.register(world.registration(() => undefined, { instanceId: 5n, ...name })),
        );
      }
      assert.equal(addresses.size, parts.length);
    },
  },
  {
    name: "a registration at another server of an instance that has gone doesn't take its requests over",
    requires,
    run: async (world) => {
      const first = await world.server();
      const second = await world.server();
      const gone = await first.register(world.registration(() => undefined, { instanceId: 1n }));
      let accepted = 0;
      await second.register(world.registration(() => void (accepted += 1), { instanceId: 2n }));
      await first.unregister(gone);
      await fails(world.client().deliver(outbound(gone)), "unknown_endpoint");
      assert.equal(accepted, 0);
    },
  },
  {
    name: "an instance record names one plane, by its scheme, and the address is a text",
    requires,
    run: async (world) => {
      const { record } = await world.serve(() => [1]);
      assert.deepEqual(Object.keys(record.transport), [world.fixture.server.scheme]);
      assert.equal(world.fixture.server.scheme, world.fixture.client.scheme);
      const address = record.transport[world.fixture.server.scheme];
      assert.ok(typeof address === "string" && address.length > 0);
    },
  },
  {
    name: "a record of a plane that the caller doesn't speak fails as cannot_connect",
    requires,
    run: async (world) => {
      world.discovery.put({ ...world.recordOf(3n, "x"), transport: { "some-other-plane": "somewhere" } });
      const { client } = await world.caller();
      await fails(client.roundRobin({}), "cannot_connect");
    },
  },
  {
    name: "capabilities and names are texts and numbers that make sense",
    run: async (world) => {
      for (const { name, scheme, capabilities } of [world.fixture.server, world.fixture.client]) {
        assert.match(name, /^[a-z][a-z0-9-]*$/);
        assert.match(scheme, /^[a-z][a-z0-9_]*$/);
        assert.ok(Number.isSafeInteger(capabilities.maxMessageBytes) && capabilities.maxMessageBytes > 0);
      }
    },
  },
];

function refusal(error: unknown): RequestPlaneError {
  assert.ok(RequestPlaneError.is(error), `Expected a RequestPlaneError, got ${String(error)}`);
  return error;
}

export const ADDRESS_FORMS: readonly ConformanceCase[] = inGroup("address forms", [
  ...others,
  ...names,
  ...odd,
  ...ids,
  ...nonsense,
]);
