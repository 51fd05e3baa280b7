import { mkdir, rename, unlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { encodeRecord, fileDiscovery } from "../src/index.ts";
import { FILE_LAYOUTS } from "../src/file/layout.ts";
import { keyInBucket } from "../src/record-key.ts";
import { until } from "@dynamo/test-support";
import { closedAfterTest, ENDPOINTS, Follower, removeFolder, temporaryFolder } from "./helpers.ts";
import { endpoint } from "./records.ts";

const FILES = 200;

/** The same numbers in every run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("200 files that come, change, go and lose their directory: every watch ends with the truth", async () => {
  const root = await temporaryFolder();
  const directory = join(root, "v1/instances");
  await mkdir(directory, { recursive: true });
  const discovery = closedAfterTest(fileDiscovery({ root, leaseMs: 60_000 }));
  const eager = new Follower(discovery.watch(ENDPOINTS));
  const slow = new Follower(slowly(discovery.watch(ENDPOINTS)));
  const random = randomNumbers(20_261_123);
  const truth = new Map<bigint, string>();

  for (let step = 0; step < 3000; step++) {
    const id = BigInt(random(FILES));
    const path = join(directory, FILE_LAYOUTS["0.8"].nameOf(keyInBucket(endpoint(id))));
    const value = encodeRecord(endpoint(id, `address-${random(5)}`));
    if (step === 1500) {
      await removeFolder(root);
      truth.clear();
    } else if (!truth.has(id) || random(3) === 0) {
      const temporary = join(directory, ".tmp_" + step.toString(16).padStart(16, "0"));
      await mkdir(directory, { recursive: true });
      await writeFile(temporary, value);
      await rename(temporary, path);
      truth.set(id, value);
    } else if (random(2) === 0) {
      await unlink(path);
      truth.delete(id);
    } else {
      await utimes(path, new Date(), new Date());
    }
  }

  const isTruth = ({ known }: Follower): boolean =>
    known.size === truth.size &&
    [...known.values()].every((record) => encodeRecord(record) === truth.get(record.instance_id));
  await until("the eager one knows the truth", () => isTruth(eager));
  await until("the slow one knows the truth", () => isTruth(slow));
  expect(truth.size).toBeGreaterThan(50);
  expect(new Set((await discovery.list(ENDPOINTS)).map(encodeRecord))).toEqual(new Set(truth.values()));
  expect(slow.events.length).toBeLessThan(eager.events.length);
});

async function* slowly<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const item of items) {
    await sleep(5);
    yield item;
  }
}
