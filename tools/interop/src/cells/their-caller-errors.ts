/**
 * Their caller asks our worker, and something goes wrong.
 */
import assert from "node:assert/strict";
import type { ErrorCode } from "@dynamo/request-plane-core";
import { cannot, inSection } from "../cell.ts";
import type { Cell } from "../cell.ts";
import { ourCaller } from "../roles/our-caller.ts";
import { startOurWorker } from "../roles/our-worker.ts";
import { accountOf, clientFor } from "../support/our-calls.ts";
import { advertise, theirWordFor, theyAsk, theyCollect } from "../support/their-calls.ts";
import { until } from "../waiting.ts";

type SectionCell = Omit<Cell, "section">;

/** Those for which no release avoids the worker afterwards. */
const CODES: readonly ErrorCode[] = [
  "invalid_argument",
  "payload_too_large",
  "not_found",
  "rate_limited",
  "overloaded",
  "cancelled",
  "handler_failed",
];

const handlers: readonly SectionCell[] = [
  {
    name: "an error before the first item is a ValueError with its text",
    run: async (site) => {
      const { items, error } = await theyAsk(site, { do: "fail", message: "boom, Größe 1" });
      assert.deepEqual(items, []);
      const text = `${theirWordFor(site, "handler_failed")}boom, Größe 1`;
      assert.deepEqual(error, { type: "ValueError", text });
    },
  },
  {
    name: "an error after 1,000 items comes after all of them",
    run: async (site) => {
      const { items, error } = await theyAsk(site, { do: "fail", message: "late", after: 1000 });
      assert.equal(items.length, 1000);
      assert.deepEqual(error, { type: "ValueError", text: `${theirWordFor(site, "handler_failed")}late` });
    },
  },
  {
    name: "the codes of our errors are told in the release's own words",
    run: async (site) => {
      for (const code of CODES) {
        const { error } = await theyAsk(site, { do: "fail", code, message: "typed" });
        assert.deepEqual(error, { type: "ValueError", text: `${theirWordFor(site, code)}typed` });
      }
      if (site.isSince("1.0")) return undefined;
      return cannot("Errors of 0.7 and 0.8 are a text without a type.");
    },
  },
  {
    name: "the worker is as good as before after an error",
    run: async (site) => {
      assert.notEqual((await theyAsk(site, { do: "fail", message: "boom" })).error, null);
      assert.deepEqual(await theyCollect(site, { do: "echo", value: 1 }), [1]);
    },
  },
];

const places: readonly SectionCell[] = [
  {
    name: "our worker's death in mid-stream is an error, never an end",
    run: async (site) => {
      await using worker = await startOurWorker(site, "interop.ourdoomed.generate");
      const { endpoint } = worker;
      await theyCollect(site, { do: "echo", value: 1 }, { endpoint });
      const key = "doomed";
      const call = theyAsk(site, { do: "endless", key, everyMs: 1 }, { endpoint });
      const client = await clientFor(site, endpoint);
      await until("their stream runs", async () => (await accountOf(client, key)).items > 100);
      await worker.process.kill();
      const { items, error } = await call;
      assert.ok(items.length > 0);
      const text = `${theirWordFor(site, "disconnected")}Stream ended before generation completed`;
      assert.deepEqual(error, { type: "ValueError", text });
    },
  },
  {
    name: "an endpoint that our worker doesn't have is an exception at once",
    run: async (site) => {
      const endpoint = await advertise(site, "nowhere", (address) => `${address}nowhere`);
      const request = { do: "echo", value: 1 } as const;
      if (site.plane === "tcp" && !site.isSince("1.3")) {
        await assert.rejects(
          theyAsk(site, request, { endpoint, timeoutMs: 3_000 }),
          /took longer than 3000 ms/,
        );
        return cannot("Callers up to 1.2 take any text for the acknowledgement, and wait for ever.");
      }
      const { error } = await theyAsk(site, request, { endpoint });
      assert.equal(error?.type, "Exception");
      assert.match(error.text, REFUSALS[site.plane]);
      return undefined;
    },
  },
  {
    name: "the address of a worker of ours that was killed is an exception at once",
    run: async (site) => {
      await using worker = await startOurWorker(site, "interop.ourkilled.generate");
      const caller = await site.use(ourCaller);
      const record = await caller.recordOf(worker.endpoint);
      await worker.process.kill();
      // Its own record may leave discovery at any moment; this one stays.
      await caller.discovery.register({ ...record, component: "dead" });
      const endpoint = "interop.dead.generate";
      const { items, error } = await theyAsk(site, { do: "echo", value: 1 }, { endpoint });
      assert.deepEqual(items, []);
      assert.equal(error?.type, "Exception");
      assert.match(error.text, DEAD[site.plane]);
    },
  },
];

/** What the exception says when our worker, or the broker, refuses. */
const REFUSALS = {
  tcp: /unknown endpoint/,
  nats: /NATS request .*failed/,
  http: /404 Not Found.*unknown_endpoint/s,
};

/** What it says when nobody is there. */
const DEAD = {
  tcp: /refused|CannotConnect|closed|Unavailable/i,
  nats: REFUSALS.nats,
  http: /error sending request|HTTP request to .* failed/,
};

export const cells = inSection("Their caller, our worker: errors", [...handlers, ...places]);
