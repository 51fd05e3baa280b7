/**
 * Callers that break the protocol inside of a request that the plane itself carries well.
 */
import assert from "node:assert/strict";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ConformanceCase } from "../case.ts";
import { collect, outbound } from "../checks.ts";
import { twoPart } from "../world/envelope.ts";

const control = (fields: object): string =>
  JSON.stringify({
    id: "bad",
    request_type: "single_in",
    response_type: "many_out",
    connection_info: { transport: "tcp_server", info: "{}" },
    ...fields,
  });

const ENVELOPES: Readonly<Record<string, Uint8Array>> = {
  "of one byte": Buffer.alloc(1),
  "that promises more than it has": twoPart("{}", "body").subarray(0, 27),
  "with lengths beyond all numbers": Buffer.alloc(24, 0xff),
  "whose header is no JSON": twoPart("nonsense", "1"),
  "whose header is no object": twoPart("7", "1"),
  "without an id": twoPart('{"request_type":"single_in"}', "1"),
  "of another request type": twoPart(control({ request_type: "many_in" }), "1"),
  "without a way home": twoPart(control({ connection_info: undefined }), "1"),
  "with an unknown way home": twoPart(control({ connection_info: { transport: "pigeon", info: "{}" } }), "1"),
  "whose way home is no JSON": twoPart(
    control({ connection_info: { transport: "tcp_server", info: "x" } }),
    "1",
  ),
  "with an unknown codec": twoPart(control({ payload_codec: "xml" }), "1"),
};

export const BAD_ENVELOPES: readonly Omit<ConformanceCase, "group">[] = Object.entries(ENVELOPES).map(
  ([what, envelope]) => ({
    name: `an envelope ${what} is refused, and the worker serves on`,
    requires: ["own worker"],
    run: async (world) => {
      const { record } = await world.serve(() => ["good"]);
      const address = Object.values(record.transport)[0] ?? "";
      const error: unknown = await world
        .client()
        .deliver(outbound(address, envelope))
        .catch((reason: unknown) => reason);
      assert.ok(RequestPlaneError.is(error), "It was acknowledged");
      assert.ok(["protocol_error", "invalid_argument", "unavailable"].includes(error.code), error.code);
      const { client } = await world.caller();
      assert.deepEqual(await collect(client.roundRobin({})), ["good"]);
    },
  }),
);
