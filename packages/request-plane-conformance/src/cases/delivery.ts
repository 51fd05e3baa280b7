/**
 * A request that is acknowledged has been accepted: once, whole, and by the endpoint it was sent to.
 */
import assert from "node:assert/strict";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ErrorCode, InboundRequest } from "@dynamo/request-plane-core";
import { inGroup } from "../case.ts";
import type { ConformanceCase } from "../case.ts";
import { assertBytes, bytesOf, fails, outbound } from "../checks.ts";
import { echoCases } from "./echo.ts";
import { PROMPT_MS, until, within } from "../waiting.ts";
import { notingServer } from "./noting-server.ts";

type RawCase = Omit<ConformanceCase, "group">;
const requires = ["own worker"] as const;

const KIB = 1024;
const SIZES = [
  1,
  24,
  1000,
  16 * KIB - 1,
  16 * KIB,
  16 * KIB + 1,
  64 * KIB - 1,
  64 * KIB,
  64 * KIB + 1,
  256 * KIB,
  1024 * KIB,
];

const sizes = SIZES.map((size): RawCase => ({
  name: `an envelope of ${size} bytes arrives unchanged, once`,
  requires,
  run: async (world) => {
    const { address, accepted } = await notingServer(world);
    const envelope = bytesOf(size);
    await world.client().deliver(outbound(address, envelope));
    assertBytes(accepted[0]?.envelope, envelope);
    assert.equal(accepted.length, 1);
  },
}));

const pieces = [
  { count: 2, size: 10 },
  { count: 3, size: 0 },
  { count: 7, size: 9_973 },
  { count: 100, size: 13 },
].map(({ count, size }): RawCase => ({
  name: `an envelope in ${count} pieces of ${size} bytes and one of 5 arrives joined, in order`,
  requires,
  run: async (world) => {
    const { address, accepted } = await notingServer(world);
    const parts = [...Array.from({ length: count }, (_, i) => bytesOf(size, i + 1)), bytesOf(5, 99)];
    await world.client().deliver(outbound(address, parts));
    assertBytes(accepted[0]?.envelope, Buffer.concat(parts));
  },
}));

/** What a worker refuses with, and what its caller may hear. */
const REFUSALS: Readonly<Partial<Record<ErrorCode, readonly ErrorCode[]>>> = {
  overloaded: ["overloaded"],
  unavailable: ["unavailable"],
  unknown_endpoint: ["unknown_endpoint"],
  payload_too_large: ["payload_too_large"],
  invalid_argument: ["invalid_argument"],
  // Dynamo's own vocabulary has one word for this and the one above.
  protocol_error: ["protocol_error", "invalid_argument"],
  internal: ["unavailable"],
};

const refusals = Object.entries(REFUSALS).map(([code, heard]): RawCase => ({
  name: `a worker that refuses with ${code} is heard as ${heard.join(" or ")}, and its caller knows that it came from there`,
  requires,
  run: async (world) => {
    const message = `message too large: 7 bytes (max: 5 bytes): ${code}`;
    const refusal = new RequestPlaneError(code as ErrorCode, message);
    const { address, accepted } = await notingServer(world, () => refusal);
    const error = await fails(world.client().deliver(outbound(address)), ...heard);
    assert.equal(error.remote, true, "The error doesn't say that the peer sent it");
    assert.equal(accepted.length, 0);
  },
}));

const acknowledgement: readonly RawCase[] = [
  {
    name: "the acknowledgement comes after the worker has accepted",
    requires,
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const client = world.client();
      for (let i = 1; i <= 10; i += 1) {
        await client.deliver(outbound(address));
        assert.equal(accepted.length, i, "It was acknowledged before it was accepted");
      }
    },
  },
  {
    name: "the acknowledgement doesn't wait for the work",
    requires,
    run: async (world) => {
      const worker = await world.rawWorker(() => undefined);
      // Nobody ever answers this request.
      await within("The acknowledgement", world.client().deliver(outbound(worker.address)), PROMPT_MS);
      assert.equal(worker.requests.length, 1);
    },
  },
  {
    name: "a refused request is not handed out again, neither to this endpoint nor to another",
    requires,
    run: async (world) => {
      const server = await world.server();
      let asked = 0;
      const refusing = await server.register(
        world.registration(() => {
          asked += 1;
          return new RequestPlaneError("overloaded", "full");
        }),
      );
      const { address, accepted } = await notingServer(world);
      const client = world.client();
      await fails(client.deliver(outbound(refusing)), "overloaded");
      await client.deliver(outbound(address));
      assert.deepEqual([asked, accepted.length], [1, 1]);
    },
  },
  {
    name: "a refusal leaves the way good for the next request",
    requires,
    run: async (world) => {
      const full = new RequestPlaneError("overloaded", "full");
      const { address, accepted } = await notingServer(world, (_, i) => (i % 2 === 0 ? full : undefined));
      const client = world.client();
      for (let i = 0; i < 5; i += 1) {
        await fails(client.deliver(outbound(address)), "overloaded");
        await client.deliver(outbound(address));
      }
      assert.equal(accepted.length, 5);
    },
  },
  {
    name: "requests that are sent one after the other are accepted in that order",
    requires,
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const client = world.client();
      for (let i = 0; i < 50; i += 1) await client.deliver(outbound(address, Uint8Array.of(i)));
      assert.deepEqual(
        accepted.map(({ envelope }) => envelope[0]),
        Array.from({ length: 50 }, (_, i) => i),
      );
    },
  },
];

const routing: readonly RawCase[] = [
  {
    name: "two endpoints of one server get their own requests",
    requires,
    run: async (world) => {
      const server = await world.server();
      const seen: string[] = [];
      const client = world.client();
      for (const endpoint of ["first", "second"]) {
        const accept = ({ envelope }: InboundRequest): undefined =>
          void seen.push(`${endpoint} ${envelope[0]}`);
        const address = await server.register(world.registration(accept, { endpoint }));
        await client.deliver(outbound(address, Uint8Array.of(seen.length)));
      }
      assert.deepEqual(seen, ["first 0", "second 1"]);
    },
  },
  {
    name: "one client reaches two servers",
    requires,
    run: async (world) => {
      const servers = [await notingServer(world), await notingServer(world)];
      const client = world.client();
      for (const [i, { address }] of servers.entries()) {
        await client.deliver(outbound(address, Uint8Array.of(i)));
      }
      assert.deepEqual(
        servers.map(({ accepted }) => accepted.map(({ envelope }) => envelope[0])),
        [[0], [1]],
      );
    },
  },
  {
    name: "two clients reach one server",
    requires,
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      for (const client of [world.client(), world.client()]) await client.deliver(outbound(address));
      assert.equal(accepted.length, 2);
    },
  },
  {
    name: "the bytes that a worker accepted are its own: later requests don't change them",
    requires,
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const client = world.client();
      for (let i = 0; i < 40; i += 1) await client.deliver(outbound(address, bytesOf(1000, i)));
      for (const [i, { envelope }] of accepted.entries()) assertBytes(envelope, bytesOf(1000, i));
    },
  },
  {
    name: "the sender's bytes are not changed",
    requires,
    run: async (world) => {
      const { address } = await notingServer(world);
      const envelope = bytesOf(100 * KIB);
      await world.client().deliver(outbound(address, [envelope.subarray(0, 9), envelope.subarray(9)]));
      assertBytes(envelope, bytesOf(100 * KIB));
    },
  },
  {
    name: "nothing arrives that was not sent",
    requires,
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const client = world.client();
      for (let i = 0; i < 20; i += 1) await client.deliver(outbound(address, Uint8Array.of(i)));
      await until("late copies would be here", () => client.health().pending === 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(accepted.length, 20);
    },
  },
];

export const DELIVERY: readonly ConformanceCase[] = inGroup("delivery", [
  ...sizes,
  ...pieces,
  ...acknowledgement,
  ...refusals,
  ...routing,
  ...echoCases,
]);
