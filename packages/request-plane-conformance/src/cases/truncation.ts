/**
 * A response whose connection breaks is an error wherever it breaks, and never looks whole.
 */
import assert from "node:assert/strict";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { inGroup } from "../case.ts";
import type { ConformanceCase } from "../case.ts";
import { collect, collectUntilError, fails } from "../checks.ts";
import type { Cut } from "../fault-proxy/faults.ts";
import type { Counted } from "../reference/request.ts";
import type { RawResponse } from "../world/raw-response.ts";

type Case = Omit<ConformanceCase, "group">;

/** Inside the handshake, the prologue, an item's head and its body; the response has about 2200 bytes. */
const POSITIONS = [0, 1, 23, 24, 60, 110, 140, 160, 200, 500, 1500, 2000];
const WAYS: readonly Cut["how"][] = ["close", "reset", "half-close"];

const cuts = WAYS.flatMap((how) =>
  POSITIONS.map((afterBytes): Case => ({
    name: `a response that is cut after ${afterBytes} bytes (${how}) is an error`,
    run: async (world) => {
      const proxy = await world.proxy();
      proxy.toServer = { cut: { afterBytes, how } };
      const { client } = await world.reference<Counted>({ responsesThrough: proxy });
      const call = client.roundRobin(
        { do: "count", items: 20, pad: 20 },
        { timeouts: { establishMs: 1_500 } },
      );
      const { items, error } = await collectUntilError(call);
      assert.ok(RequestPlaneError.is(error), String(error));
      assert.ok(
        ["disconnected", "deadline_exceeded"].includes(error.code),
        `${error.code}: ${error.message}`,
      );
      assert.deepEqual(
        items.map(({ n }) => n),
        items.map((_, n) => n),
      );
    },
  })),
);

/** How a worker's connection may end after one item, and what its caller must see. */
const ENDINGS: Readonly<Record<string, { end: (response: RawResponse) => unknown; whole: boolean }>> = {
  "the end mark and the sentinel": { end: (response) => response.final().sentinel(), whole: true },
  "the end mark and a closed connection": { end: (response) => response.final().socket.end(), whole: true },
  "the end mark and silence": { end: (response) => response.final(), whole: true },
  "a sentinel without the end mark": { end: (response) => response.sentinel(), whole: false },
  "a closed connection": { end: (response) => response.socket.end(), whole: false },
  "half a frame and a closed connection": {
    end: (response) => response.bytes(Buffer.alloc(30, 1).fill(0, 0, 24)).socket.end(),
    whole: false,
  },
};

const endings = Object.entries(ENDINGS).map(([what, { end, whole }]): Case => ({
  name: `${what} after an item ${whole ? "is the end" : "is an error"}`,
  requires: ["own worker"],
  run: async (world) => {
    await world.rawWorker((request) => {
      request.answer((response) => end(response.begin().item("only one")));
      return undefined;
    });
    const { client } = await world.caller();
    if (whole) {
      assert.deepEqual(await collect(client.roundRobin({})), ["only one"]);
      return;
    }
    const stream = await client.roundRobin({});
    const items = stream[Symbol.asyncIterator]();
    assert.deepEqual(await items.next(), { done: false, value: "only one" });
    await fails(items.next(), "disconnected", "protocol_error");
  },
}));

export const TRUNCATION: readonly ConformanceCase[] = inGroup("end and errors", [...cuts, ...endings]);
