/**
 * Our caller asks their worker, and something goes wrong.
 */
import assert from "node:assert/strict";
import type { EndpointRecord, ErrorCode, InstanceTransport } from "@dynamo/request-plane-core";
import { memoryDiscovery } from "@dynamo/discovery";
import { cannot, inSection } from "../cell.ts";
import type { Cell } from "../cell.ts";
import { OurCaller, ourCaller } from "../roles/our-caller.ts";
import { startTheirWorker, theirWorker } from "../roles/their-worker.ts";
import type { Site } from "../site.ts";
import { accountOf, clientFor, clientOfTheirs, collect, failure } from "../support/our-calls.ts";
import { until } from "../waiting.ts";

type SectionCell = Omit<Cell, "section">;

/** What Dynamo's own exceptions, raised by a handler, are for our callers. */
const EXCEPTIONS: Readonly<Record<string, ErrorCode>> = {
  InvalidArgument: "invalid_argument",
  ValueError: "invalid_argument",
  CannotConnect: "unavailable",
  Disconnected: "disconnected",
  ConnectionTimeout: "deadline_exceeded",
  Cancelled: "cancelled",
  StreamIncomplete: "disconnected",
  EngineShutdown: "disconnected",
  Unknown: "handler_failed",
};

const handlers: readonly SectionCell[] = [
  {
    name: "an exception before the first item is handler_failed, with its text",
    run: async (site) => {
      const client = await clientOfTheirs(site);
      const { error } = await failure(
        client.roundRobin({ do: "fail", message: "boom, Größe 1" }),
        "handler_failed",
      );
      assert.match(error.message, /RuntimeError: boom, Größe 1$/);
      assert.ok(error.remote);
    },
  },
  {
    name: "an exception after 1,000 items comes after all of them",
    run: async (site) => {
      const client = await clientOfTheirs(site);
      const call = client.roundRobin({ do: "fail", message: "late", after: 1000 });
      const { items, error } = await failure(call, "handler_failed");
      assert.equal(items.length, 1000);
      assert.match(error.message, /RuntimeError: late$/);
    },
  },
  {
    name: "Dynamo's own exceptions and ValueError keep their meaning",
    run: async (site) => {
      const client = await clientOfTheirs(site);
      for (const [exception, code] of Object.entries(EXCEPTIONS)) {
        const expected = site.isSince("1.2") ? code : "handler_failed";
        await failure(client.roundRobin({ do: "fail", exception, message: "typed" }), expected);
      }
      if (!site.isSince("1.0")) return cannot("Errors of 0.7 and 0.8 are a text, which names the exception.");
      if (!site.isSince("1.2")) return cannot("1.0 calls every exception of a Python handler Unknown.");
      return undefined;
    },
  },
  {
    name: "the worker is as good as before after an exception",
    run: async (site) => {
      const client = await clientOfTheirs(site);
      await failure(client.roundRobin({ do: "fail", message: "boom" }), "handler_failed");
      assert.deepEqual(await collect(client.roundRobin({ do: "echo", value: 1 })), [1]);
    },
  },
];

const places: readonly SectionCell[] = [
  {
    name: "an endpoint that the worker doesn't have is unknown_endpoint",
    run: async (site) => {
      const { endpoint, record } = await site.use(theirWorker);
      await using caller = await callerOf(site, { ...record, transport: elsewhere(record.transport) });
      const client = await caller.client(endpoint);
      await failure(client.roundRobin({}), "unknown_endpoint");
    },
  },
  {
    name: "a worker that is killed leaves its streams disconnected",
    run: async (site) => {
      const endpoint = "interop.doomed.generate";
      await using worker = await startTheirWorker(site, endpoint);
      const client = await clientFor(site, endpoint);
      const key = "doomed";
      const call = failure(client.roundRobin({ do: "endless", key, everyMs: 1 }), "disconnected");
      await until("the stream runs", async () => (await accountOf(client, key)).items > 100);
      await worker.process.kill();
      const { items } = await call;
      assert.ok(items.length > 0);
    },
  },
  {
    name: "an address where nobody is any more is cannot_connect, with a broker unknown_endpoint",
    run: async (site) => {
      await using worker = await startTheirWorker(site, "interop.dead.generate");
      await worker.process.kill();
      await using caller = await callerOf(site, worker.record);
      const client = await caller.client(worker.endpoint);
      const expected = site.plane === "nats" ? "unknown_endpoint" : "cannot_connect";
      await failure(client.roundRobin({}), expected);
    },
  },
  {
    name: "a worker that is killed leaves discovery after its lease",
    on: (_, plane) => plane === "tcp",
    run: async (site) => {
      const endpoint = "interop.leased.generate";
      await using worker = await startTheirWorker(site, endpoint);
      const client = await clientFor(site, endpoint);
      await worker.process.kill();
      const left = until(
        "it has left",
        () => client.instances().length === 0,
        site.isSince("0.8") ? 30_000 : 1000,
      );
      if (site.isSince("0.8")) return await left.then(() => undefined);
      await assert.rejects(left);
      return cannot("Files of 0.7 have no lease: they stay until somebody deletes them.");
    },
  },
  {
    name: "our caller holds nothing open when its calls are over",
    run: async (site) => {
      const { manager } = await site.use(ourCaller);
      await until("all is given back", () => {
        const { responsesAwaited, planes } = manager.health();
        return responsesAwaited === 0 && Object.values(planes).every(({ pending }) => pending === 0);
      });
    },
  },
];

/** A caller that has no connection yet and knows this instance only. */
async function callerOf(site: Site, record: EndpointRecord): Promise<OurCaller> {
  const discovery = memoryDiscovery();
  await discovery.register(record);
  return new OurCaller(discovery, site);
}

/** The same server, another endpoint. */
function elsewhere(transport: InstanceTransport): InstanceTransport {
  const [[scheme, address = ""] = [""]] = Object.entries<string | undefined>(transport);
  return { [scheme]: `${address}nowhere` };
}

export const cells = inSection("Our caller, their worker: errors", [...handlers, ...places]);
