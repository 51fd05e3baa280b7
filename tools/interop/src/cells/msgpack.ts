/**
 * Payloads in msgpack: workers of 1.4 and later advertise it, and callers of 1.4 and later send it to those who do.
 */
import assert from "node:assert/strict";
import { msgpack } from "@dynamo/request-plane-core/msgpack";
import { memoryDiscovery } from "@dynamo/discovery";
import { cannot, inSection } from "../cell.ts";
import type { Cell } from "../cell.ts";
import { OurCaller } from "../roles/our-caller.ts";
import { startOurWorker } from "../roles/our-worker.ts";
import { theirWorker } from "../roles/their-worker.ts";
import type { Site } from "../site.ts";
import { collect } from "../support/our-calls.ts";
import type { Request } from "../support/our-calls.ts";
import { theirWordFor, theyAsk, theyCollect } from "../support/their-calls.ts";
import { LARGE_INTEGERS, VALUES } from "../values.ts";
import { until } from "../waiting.ts";

export const cells = inSection("Payloads in msgpack", [
  {
    name: "their worker advertises it",
    run: async (site) => {
      const { record } = await site.use(theirWorker);
      if (record.request_plane_codec === "msgpack") return undefined;
      assert.ok(!site.isSince("1.4"));
      return cannot("Workers speak msgpack since 1.4, and are asked in JSON before.");
    },
  },
  ours("values and errors come through", async (caller) => {
    for (const value of Object.values(VALUES)) {
      assert.deepEqual(await collect(caller.roundRobin({ do: "echo", value })), [value]);
    }
    await assert.rejects(collect(caller.roundRobin({ do: "fail", message: "boom" })), /RuntimeError: boom/);
  }),
  ours("integers beyond 2^53 come back as they were sent", async (caller) => {
    assert.deepEqual(await collect(caller.roundRobin({ do: "echo", value: LARGE_INTEGERS })), [
      LARGE_INTEGERS,
    ]);
  }),
  ours("binary data arrives as bytes", async (caller) => {
    const value = Uint8Array.of(0, 1, 127, 128, 255);
    assert.deepEqual(await collect(caller.roundRobin({ do: "repr", value })), [
      "b'\\x00\\x01\\x7f\\x80\\xff'",
    ]);
  }),
  {
    name: "a worker of ours that advertises it is asked in it since 1.4, and in JSON by callers before",
    run: async (site) => {
      const endpoint = "interop.packed.generate";
      await using worker = await startOurWorker(site, endpoint, { speaksMsgpack: true });
      let decoded = 0;
      worker.process.onMessage((message) => {
        if ("decoded" in message) decoded += 1;
      });
      const values = Object.values(VALUES);
      for (const value of values) {
        assert.deepEqual(await theyCollect(site, { do: "echo", value }, { endpoint }), [value]);
      }
      const { items, error } = await theyAsk(site, { do: "fail", message: "boom", after: 3 }, { endpoint });
      assert.equal(items.length, 3);
      assert.equal(error?.text, `${theirWordFor(site, "handler_failed")}boom`);
      const expected = site.isSince("1.4") ? values.length + 1 : 0;
      await until("the worker has told of all", () => decoded >= expected);
      assert.equal(decoded, expected, "requests that were msgpack");
    },
  },
]);

/** With a caller of ours that has the codec; for releases whose workers advertise it. */
function ours(
  name: string,
  run: (client: Awaited<ReturnType<typeof clientOf>>) => Promise<void>,
): Omit<Cell, "section"> {
  return {
    name: `our caller with msgpack: ${name}`,
    run: async (site) => {
      const { record } = await site.use(theirWorker);
      const discovery = memoryDiscovery();
      await discovery.register(record);
      await using caller = new OurCaller(discovery, site, msgpack);
      if (record.request_plane_codec !== "msgpack") return cannot("Workers speak msgpack since 1.4.");
      await run(await clientOf(caller, site));
      return undefined;
    },
  };
}

async function clientOf(
  caller: OurCaller,
  site: Site,
): ReturnType<typeof OurCaller.prototype.client<Request, unknown>> {
  return caller.client<Request, unknown>((await site.use(theirWorker)).endpoint);
}
