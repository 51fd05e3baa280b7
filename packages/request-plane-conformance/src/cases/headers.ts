/**
 * Headers and metadata arrive with their request, complete, and only with theirs.
 */
import assert from "node:assert/strict";
import type { Headers } from "@dynamo/request-plane-core";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { inGroup } from "../case.ts";
import type { ConformanceCase } from "../case.ts";
import { outbound, single } from "../checks.ts";
import type { Described } from "../reference/request.ts";
import { notingServer } from "./noting-server.ts";

type Case = Omit<ConformanceCase, "group">;
const requires = ["own worker"] as const;

const VALUES: Readonly<Record<string, Headers>> = {
  "of tracing": {
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    tracestate: "a=b,c=d",
  },
  "with colons, commas and equals signs": { "x-odd": "a: b, c=d; e" },
  "with JSON": { "x-json": '{"a":[1,"b"]}' },
  "of 4000 letters": { "x-long": "v".repeat(4_000) },
  "with inner spaces": { "x-spaces": "a  b   c" },
  "that looks like a number": { "x-number": "007" },
};

const values = Object.entries(VALUES).map(([what, headers]): Case => ({
  name: `a header ${what} arrives as it was sent`,
  run: async (world) => {
    const { client } = await world.reference<Described>();
    const { headers: seen } = await single(client.roundRobin({ do: "describe" }, { headers }));
    for (const [name, value] of Object.entries(headers)) assert.equal(seen[name], value);
  },
}));

const ODD: Readonly<Record<string, string>> = {
  "a line break": "one\r\nx-injected: yes",
  "a line feed": "one\nx-injected: yes",
  "a NUL": "one\0two",
  "text in many scripts": "größe 大きさ",
};

const odd = Object.entries(ODD).map(([what, value]): Case => ({
  name: `a header value with ${what} is refused or arrives whole; it never becomes another header`,
  requires,
  run: async (world) => {
    const { address, accepted } = await notingServer(world);
    const client = world.client();
    const sent = client.deliver(
      outbound(address, undefined, { headers: { "x-odd": value, "x-after": "fine" } }),
    );
    const error = await sent.catch((reason: unknown) => RequestPlaneError.from(reason));
    if (error) {
      assert.equal(error.code, "invalid_argument", error.message);
      assert.equal(accepted.length, 0);
      return;
    }
    const seen = accepted[0]?.headers;
    assert.deepEqual([seen?.["x-odd"], seen?.["x-after"], seen?.["x-injected"]], [value, "fine", undefined]);
  },
}));

const METADATA: Readonly<Record<string, Headers>> = {
  "one entry": { tenant: "red" },
  "text in many scripts": { städte: "Αθήνα, 東京 🏙" },
  "line breaks and NULs": { odd: "a\r\nb\0c" },
  "an empty text": { empty: "" },
  "200 entries": Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`key-${i}`, `value ${i}`])),
  "30 000 letters": { long: "m".repeat(30_000) },
};

const metadata = Object.entries(METADATA).map(([what, entries]): Case => ({
  name: `metadata with ${what} arrives as it was sent`,
  run: async (world) => {
    const { client } = await world.reference<Described>();
    const described = await single(client.roundRobin({ do: "describe" }, { metadata: entries }));
    assert.deepEqual({ ...described.metadata }, entries);
  },
}));

const others: readonly Case[] = [
  {
    name: "names of headers arrive in lower case",
    requires,
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      await world.client().deliver(outbound(address, undefined, { headers: { "X-Mixed-Case": "Value" } }));
      assert.equal(accepted[0]?.headers["x-mixed-case"], "Value");
      assert.equal(accepted[0].headers["X-Mixed-Case"], undefined);
    },
  },
  {
    name: "fifty headers arrive together",
    requires,
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const headers = Object.fromEntries(
        Array.from({ length: 50 }, (_, i) => [`x-header-${i}`, `value ${i}`]),
      );
      await world.client().deliver(outbound(address, undefined, { headers }));
      for (const [name, value] of Object.entries(headers)) assert.equal(accepted[0]?.headers[name], value);
    },
  },
  {
    name: "a request without headers is accepted",
    requires,
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      await world.client().deliver(outbound(address));
      assert.equal(accepted.length, 1);
      assert.equal(typeof accepted[0]?.headers, "object");
    },
  },
  {
    name: "headers of requests at the same time don't mix",
    run: async (world) => {
      const { client } = await world.reference<Described>();
      const calls = Array.from({ length: 40 }, (_, i) =>
        single(
          client.roundRobin(
            { do: "describe" },
            { headers: { "x-index": `${i}` }, metadata: { index: `${i}` } },
          ),
        ),
      );
      for (const [i, { headers, metadata }] of (await Promise.all(calls)).entries()) {
        assert.deepEqual([headers["x-index"], metadata["index"]], [`${i}`, `${i}`]);
      }
    },
  },
  {
    name: "headers of one request don't stay for the next one",
    run: async (world) => {
      const { client } = await world.reference<Described>();
      await single(
        client.roundRobin({ do: "describe" }, { headers: { "x-once": "1" }, metadata: { once: "1" } }),
      );
      const { headers, metadata } = await single(client.roundRobin({ do: "describe" }));
      assert.deepEqual([headers["x-once"], metadata["once"]], [undefined, undefined]);
    },
  },
  {
    name: "the request's id is the caller's, and stands in its header",
    run: async (world) => {
      const { client } = await world.reference<Described>();
      const { id, headers } = await single(client.roundRobin({ do: "describe" }, { id: "id-7" }));
      assert.deepEqual([id, headers["request-id"]], ["id-7", "id-7"]);
    },
  },
  {
    name: "requests whose caller gives no id have ids of their own",
    run: async (world) => {
      const { client } = await world.reference<Described>();
      const calls = Array.from({ length: 20 }, () => single(client.roundRobin({ do: "describe" })));
      const ids = new Set((await Promise.all(calls)).map(({ id }) => id));
      assert.equal(ids.size, 20);
    },
  },
];

export const HEADERS: readonly ConformanceCase[] = inGroup("headers and metadata", [
  ...values,
  ...odd,
  ...metadata,
  ...others,
]);
