/**
 * Workers and callers of several releases in one deployment: both dialects of request frames, both layouts of
 * discovery files, errors in the words of each release.
 */
import assert from "node:assert/strict";
import { memoryDiscovery } from "@dynamo/discovery";
import { cannot, inSection } from "../cell.ts";
import type { Cannot } from "../cell.ts";
import { planesOf } from "../releases.ts";
import type { Plane, Release } from "../releases.ts";
import { OurCaller, ourCaller } from "../roles/our-caller.ts";
import { startOurWorker } from "../roles/our-worker.ts";
import { startTheirWorker, theirWorker } from "../roles/their-worker.ts";
import type { Site } from "../site.ts";
import { clientFor, collect, failure } from "../support/our-calls.ts";
import type { Request } from "../support/our-calls.ts";
import { theirWordFor, theyAsk, theyCollect } from "../support/their-calls.ts";

const OLD = "0.7.1";

/** With every release but the old one itself. */
function besideOld(release: Release, plane: Plane): boolean {
  return release !== OLD && planesOf(release).includes(plane);
}

/** A release that shares a folder with this one. */
function companionOf(release: Release): Release {
  return release === "1.6.1" ? "1.2.1" : "1.6.1";
}

export const cells = inSection("Old and new in one deployment", [
  {
    name: `one client of ours asks a worker of ${OLD} and one of the release, each in its dialect`,
    on: besideOld,
    run: async (site) => {
      const old = await site.beside(OLD).use(theirWorker);
      const current = await site.use(theirWorker);
      const discovery = memoryDiscovery();
      for (const { record } of [old, current]) await discovery.register(record);
      await using caller = new OurCaller(discovery, site);
      const client = await caller.client<Request, unknown>(current.endpoint);
      await client.waitForInstances({ count: 2, timeoutMs: 30_000 });
      const asked = new Set<bigint>();
      for (let n = 0; n < 10; n += 1) {
        const stream = await client.roundRobin({ do: "count", items: 100 });
        asked.add(stream.instance);
        assert.equal((await collect(Promise.resolve(stream))).length, 100);
      }
      assert.deepEqual(asked, new Set([old.record.instance_id, current.record.instance_id]));
      for (const id of asked) {
        const { error } = await failure(client.direct({ do: "fail", message: "boom" }, id), "handler_failed");
        assert.match(error.message, /RuntimeError: boom$/);
      }
    },
  },
  {
    name: `one worker of ours answers callers of ${OLD} and of the release at one address`,
    on: besideOld,
    run: async (site) => {
      const old = site.beside(OLD);
      const endpoint = "interop.both.generate";
      await using worker = await startOurWorker(old, endpoint);
      const record = await (await old.use(ourCaller)).recordOf(worker.endpoint);
      await (await site.use(ourCaller)).discovery.register(record);
      const request = { do: "count", items: 500, everyMs: 0 } as const;
      const answers = await Promise.all(
        [old, site, old, site].map((one) => theyCollect(one, request, { endpoint })),
      );
      assert.deepEqual(
        answers.map(({ length }) => length),
        [500, 500, 500, 500],
      );
      for (const one of [old, site]) {
        const { error } = await theyAsk(one, { do: "fail", message: "boom" }, { endpoint });
        assert.equal(error?.text, `${theirWordFor(one, "handler_failed")}boom`);
      }
    },
  },
  {
    name: "workers of ours, of the release and of another one share a folder, and all callers ask all",
    on: (release, plane) => plane !== "http" && besideOld(release, plane),
    run: shareFolder,
  },
  {
    name: `callers of the release see a worker of ${OLD} in the same deployment`,
    on: (release, plane) => plane === "tcp" && besideOld(release, plane),
    run: async (site) => {
      await using worker = await startTheirWorker(site.beside(OLD), "interop.onlyold.generate");
      const { endpoint } = worker;
      await assert.rejects(
        theyAsk(site, { do: "echo", value: 1 }, { endpoint, timeoutMs: 2_000 }),
        /took longer/,
      );
      return cannot(
        "0.7 names its files otherwise, and neither sees the other's. Ours reads and writes both.",
      );
    },
  },
]);

async function shareFolder(site: Site): Promise<Cannot | undefined> {
  const endpoint = "interop.shared.generate";
  const other = site.beside(companionOf(site.release));
  await using stack = new AsyncDisposableStack();
  stack.use(await startTheirWorker(site, endpoint));
  stack.use(await startTheirWorker(other, endpoint));
  stack.use(await startOurWorker(site, endpoint));
  const client = await clientFor(site, endpoint);
  const instances = await client.waitForInstances({ count: 3, timeoutMs: 30_000 });
  for (const { instance_id: instance } of instances) {
    assert.equal((await collect(client.direct({ do: "count", items: 10 }, instance))).length, 10);
    for (const one of [site, other]) {
      const options = { endpoint, operation: "direct", instance, waitFor: 3 } as const;
      assert.equal((await theyCollect(one, { do: "count", items: 10 }, options)).length, 10);
    }
  }
  return undefined;
}
