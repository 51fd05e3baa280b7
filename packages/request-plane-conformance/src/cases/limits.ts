/**
 * Every limit is kept, and its error says which limit it was, how much was asked and what moves it.
 */
import assert from "node:assert/strict";
import { inGroup } from "../case.ts";
import type { ConformanceCase } from "../case.ts";
import { assertBytes, bytesOf, collect, fails, outbound, single } from "../checks.ts";
import { gate, until } from "../waiting.ts";
import { notingServer } from "./noting-server.ts";

type Case = Omit<ConformanceCase, "group">;

const KIB = 1024;
/** What a plane may put around an envelope and count as part of the message. */
const HEADROOM_BYTES = 4 * KIB;

const tooLarge = [1, 1000, 1024 * KIB].map((over): Case => ({
  name: `an envelope that is ${over} bytes over the caller's limit is refused before anything is sent`,
  requires: ["own worker", "moderate client limit"],
  settings: { clientMaxMessageBytes: 256 * KIB, serverMaxMessageBytes: 256 * KIB },
  run: async (world) => {
    const { address, accepted } = await notingServer(world);
    const client = world.client();
    const limit = world.facts.clientMaxMessageBytes;
    const { facts, remote } = await fails(
      client.deliver(outbound(address, Buffer.alloc(limit + over))),
      "payload_too_large",
    );
    assert.equal(remote, false, "It was the worker that refused");
    assert.ok((facts.actual ?? 0) >= limit + over, `actual is ${facts.actual}`);
    assert.equal(facts.limit, limit);
    assert.equal(typeof facts.setting, "string");
    assert.deepEqual(client.health().pending, 0);
    await client.deliver(outbound(address));
    assert.equal(accepted.length, 1);
  },
}));

const others: readonly Case[] = [
  {
    name: "an envelope just below the limit arrives unchanged",
    requires: ["own worker", "moderate client limit"],
    settings: { clientMaxMessageBytes: 256 * KIB, serverMaxMessageBytes: 256 * KIB },
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const { clientMaxMessageBytes: client, serverMaxMessageBytes: server } = world.facts;
      const envelope = bytesOf(Math.min(client, server) - HEADROOM_BYTES);
      await world.client().deliver(outbound(address, envelope));
      assertBytes(accepted[0]?.envelope, envelope);
    },
  },
  {
    name: "an envelope over the worker's limit is refused by the worker, who says why",
    requires: ["own worker", "smaller server limit"],
    settings: { clientMaxMessageBytes: 512 * KIB, serverMaxMessageBytes: 128 * KIB },
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const client = world.client();
      const limit = world.facts.serverMaxMessageBytes;
      const { remote, facts } = await fails(
        client.deliver(outbound(address, Buffer.alloc(limit + 1))),
        "payload_too_large",
      );
      assert.equal(remote, true);
      assert.equal(facts.limit, limit);
      assert.equal(accepted.length, 0);
    },
  },
  {
    name: "after an envelope over the worker's limit the next one is delivered",
    requires: ["own worker", "smaller server limit"],
    settings: { clientMaxMessageBytes: 512 * KIB, serverMaxMessageBytes: 128 * KIB },
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const client = world.client();
      const large = Buffer.alloc(world.facts.serverMaxMessageBytes + 100);
      await fails(client.deliver(outbound(address, large)), "payload_too_large");
      await until("the way is good again", () =>
        client.deliver(outbound(address)).then(
          () => true,
          () => false,
        ),
      );
      assert.equal(accepted.length, 1);
    },
  },
  {
    name: "a call over the limit is told so, and another instance is not asked",
    requires: ["own worker", "moderate client limit"],
    settings: { clientMaxMessageBytes: 128 * KIB, serverMaxMessageBytes: 128 * KIB },
    run: async (world) => {
      let asked = 0;
      const handler = (): number[] => [(asked += 1)];
      await world.serve(handler);
      await world.serve(handler);
      const { client } = await world.caller();
      const text = "x".repeat(world.facts.clientMaxMessageBytes + 1);
      const error = await fails(client.roundRobin({ text }), "payload_too_large");
      assert.equal(error.retryableElsewhere, false);
      assert.equal(asked, 0);
    },
  },
  {
    name: "a worker at capacity refuses with overloaded, and takes requests again when there is room",
    requires: ["own worker"],
    run: async (world) => {
      const goOn = gate();
      const { served } = await world.serve(
        async function* () {
          await goOn.passed;
          yield 1;
        },
        { maxInFlight: 2 },
      );
      const { client } = await world.caller();
      const running = [collect(client.roundRobin({})), collect(client.roundRobin({}))];
      await until("two are running", () => served.inFlight === 2);
      await fails(client.roundRobin({}, { failover: false }), "overloaded");
      assert.equal(served.inFlight, 2);
      goOn.open();
      assert.deepEqual(await Promise.all(running), [[1], [1]]);
      await until("there is room", () => served.inFlight === 0);
      assert.deepEqual(await collect(client.roundRobin({})), [1]);
    },
  },
  {
    name: "what a worker at capacity refuses goes to another instance",
    requires: ["own worker"],
    run: async (world) => {
      const goOn = gate();
      const full = await world.serve(
        async function* () {
          await goOn.passed;
          yield "full";
        },
        { maxInFlight: 1 },
      );
      await world.serve(() => ["free"]);
      const { client } = await world.caller();
      const running = collect(client.direct({}, full.id));
      await until("the first is full", () => full.served.inFlight === 1);
      for (let i = 0; i < 4; i += 1) assert.deepEqual(await collect(client.roundRobin({})), ["free"]);
      goOn.open();
      assert.deepEqual(await running, ["full"]);
    },
  },
  {
    name: "an item over the caller's limit is an error, not a response that hangs",
    run: async (world) => {
      const { client } = await world.reference({ settings: { maxResponseMessageBytes: 10_000 } });
      const error = await fails(
        collect(client.roundRobin({ do: "count", items: 1, pad: 20_000 })),
        "payload_too_large",
      );
      assert.equal(error.facts.limit, 10_000);
    },
  },
  {
    name: "metadata that is too large is refused as invalid_argument",
    run: async (world) => {
      const { client } = await world.reference();
      const metadata = { big: "x".repeat(200 * KIB) };
      await fails(client.roundRobin({ do: "describe" }, { metadata }), "invalid_argument");
      assert.equal(await single(client.roundRobin({ do: "echo", value: 1 })), 1);
    },
  },
  {
    name: "a request that JSON can't hold is refused as invalid_argument",
    run: async (world) => {
      const { client } = await world.reference();
      const circle: Record<string, unknown> = {};
      circle["self"] = circle;
      await fails(client.roundRobin({ do: "echo", value: circle }), "invalid_argument");
      assert.equal(client.inFlight, 0);
    },
  },
];

export const LIMITS: readonly ConformanceCase[] = inGroup("limits", [...tooLarge, ...others]);
