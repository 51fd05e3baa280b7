/**
 * Workers that break the protocol on the response connection.
 */
import assert from "node:assert/strict";
import type { ErrorCode } from "@dynamo/request-plane-core";
import type { ConformanceCase } from "../case.ts";
import { collect, fails } from "../checks.ts";
import { callHomeOf, twoPart } from "../world/envelope.ts";
import { RawResponse } from "../world/raw-response.ts";

type Case = Omit<ConformanceCase, "group">;
type Behave = (response: RawResponse) => unknown;

/** What a worker writes after a good beginning and one item, and what its caller may see. */
const AFTER_AN_ITEM: Readonly<Record<string, readonly [Behave, ...ErrorCode[]]>> = {
  "a frame that is no JSON": [(response) => response.body("{nonsense"), "protocol_error"],
  "a frame that is no object": [(response) => response.body("42"), "protocol_error"],
  "an empty object": [(response) => response.body("{}"), "protocol_error"],
  "a control frame nobody knows": [(response) => response.header("later"), "protocol_error"],
  "a length that no memory holds": [
    (response) => response.bytes(Buffer.alloc(24, 0x7f)),
    "protocol_error",
    "payload_too_large",
  ],
  "data after the end mark": [(response) => response.final().item("late").sentinel(), "protocol_error"],
  "an error item without words": [
    (response) => response.body('{"data":{"event":"error"},"complete_final":false}'),
    "handler_failed",
  ],
  "an error item of another shape": [
    (response) => response.body('{"data":{"event":"error","error":7,"comment":{}},"complete_final":false}'),
    "handler_failed",
  ],
};

const afterAnItem = Object.entries(AFTER_AN_ITEM).map(([what, [behave, ...codes]]): Case => ({
  name: `a worker that sends ${what} ends its response with an error`,
  requires: ["own worker"],
  run: async (world) => {
    await world.rawWorker((request) => {
      request.answer((response) => behave(response.begin().item("good")));
      return undefined;
    });
    const { client } = await world.caller();
    const items = (await client.roundRobin({}))[Symbol.asyncIterator]();
    assert.deepEqual(await items.next(), { done: false, value: "good" });
    await fails(items.next(), ...codes);
  },
}));

/** What a worker does instead of a good beginning. */
const BEGINNINGS: Readonly<Record<string, Behave>> = {
  "that dials and closes": (response) => response.socket.end(),
  "that resets after its handshake": (response) => response.handshake().socket.resetAndDestroy(),
  "that closes after its handshake": (response) => response.handshake().socket.end(),
  "that sends an item for a prologue": (response) => response.handshake().item("early"),
  "that refuses in its prologue": (response) => response.handshake().header({ error: "not today" }),
  "that begins with noise": (response) => response.bytes(Buffer.alloc(48, 0x20)),
};

const beginnings = Object.entries(BEGINNINGS).map(([what, behave]): Case => ({
  name: `a worker ${what} fails its call and no other`,
  requires: ["own worker"],
  run: async (world) => {
    let bad = true;
    await world.rawWorker((request) => {
      const answer: Behave = bad ? behave : (response) => response.begin().item(1).final().sentinel();
      request.answer(answer);
      return undefined;
    });
    const { client } = await world.caller();
    const options = { failover: false, timeouts: { establishMs: 1_500 } };
    await assert.rejects(client.roundRobin({}, options), { name: "RequestPlaneError" });
    bad = false;
    assert.deepEqual(await collect(client.roundRobin({}, options)), [1]);
  },
}));

const others: readonly Case[] = [
  {
    name: "a stranger at the response listener is turned away, and responses go on",
    requires: ["own worker"],
    run: async (world) => {
      await world.rawWorker((request) => {
        request.answer(async (response) => {
          const home = callHomeOf(request.inbound.envelope);
          const strangers = [
            Buffer.from("GET / HTTP/1.1\r\n\r\n"),
            twoPart('{"subject":"of nobody","stream_type":"response"}'),
            twoPart("{}"),
            Buffer.alloc(64, 0xff),
          ];
          for (const bytes of strangers) {
            const stranger = await RawResponse.dial(home);
            world.onEnd(() => stranger.socket.destroy());
            stranger.bytes(bytes);
            stranger.socket.end();
          }
          response.begin().item("of the real one").final().sentinel();
        });
        return undefined;
      });
      const { client } = await world.caller();
      assert.deepEqual(await collect(client.roundRobin({})), ["of the real one"]);
    },
  },
  {
    name: "a second worker for the same response is turned away",
    requires: ["own worker"],
    run: async (world) => {
      let second: RawResponse | undefined;
      await world.rawWorker((request) => {
        request.answer(async (response) => {
          const first = response.begin().item(1);
          second = (await request.dial()).begin().item("of the second").final().sentinel();
          await second.closed();
          first.item(2).final().sentinel();
        });
        return undefined;
      });
      const { client } = await world.caller();
      assert.deepEqual(await collect(client.roundRobin({})), [1, 2]);
      assert.ok(second?.controls.includes('"kill"'), "It was not told to stop");
    },
  },
  {
    name: "an acknowledged request whose worker is lost moves to another instance before its first item",
    requires: ["own worker"],
    run: async (world) => {
      await world.rawWorker((request) => {
        request.answer((response) => response.handshake().socket.resetAndDestroy());
        return undefined;
      });
      await world.serve(() => ["good"]);
      const { client } = await world.caller();
      for (let i = 0; i < 4; i += 1) assert.deepEqual(await collect(client.roundRobin({})), ["good"]);
    },
  },
];

export const BAD_RESPONSES: readonly Case[] = [...afterAnItem, ...beginnings, ...others];
