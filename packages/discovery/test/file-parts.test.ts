/** What the parts of file discovery promise each other. */
import { access, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { encodeRecord } from "../src/index.ts";
import { BucketFolder } from "../src/file/bucket-folder.ts";
import { BucketScanner } from "../src/file/bucket-scanner.ts";
import { FILE_LAYOUTS } from "../src/file/layout.ts";
import { OwnFiles } from "../src/file/own-files.ts";
import { writeAtomically } from "../src/file/write.ts";
import { until } from "@dynamo/test-support";
import { recordingLogger } from "@dynamo/test-world";
import { ENDPOINTS, Follower, temporaryFolder } from "./helpers.ts";
import { endpoint } from "./records.ts";

const NAME = "dynamo%2Fbackend%2Fgenerate%2F1";
const { logger } = recordingLogger();

async function openFolder(): Promise<{ folder: BucketFolder; path: string }> {
  const directory = join(await temporaryFolder(), "v1/instances");
  await mkdir(directory, { recursive: true });
  const layout = FILE_LAYOUTS["0.8"];
  const folder = new BucketFolder({ directory, bucket: "v1/instances", layout, leaseMs: 60_000, logger });
  return { folder, path: join(directory, NAME) };
}

test("a fresh file is read at every look, a settled one only after it changed", async () => {
  const { folder, path } = await openFolder();
  await writeFile(path, encodeRecord(endpoint(1n, "a")));
  let sight = await folder.look(NAME);
  expect(sight).toMatchObject({ kind: "record", signature: undefined });
  await until("it has settled", async () => {
    sight = await folder.look(NAME, sight);
    return sight.signature;
  });
  expect(await folder.look(NAME, sight)).toBe(sight);
  await writeFile(path, encodeRecord(endpoint(1n, "b")));
  await sleep(500);
  const changed = await folder.look(NAME, sight);
  expect(changed.signature).not.toBe(sight.signature);
  expect(changed.live?.record).toEqual(endpoint(1n, "b"));
});

test("changes are seen by notification, without a full look", async () => {
  const { folder, path } = await openFolder();
  const scanner = new BucketScanner({ folder, rescanMs: 3_600_000, logger, onIdle: () => undefined });
  onTestFinished(() => scanner.stop());
  const follower = new Follower(scanner.watch(ENDPOINTS, () => undefined));
  await writeAtomically(path.replace(/1$/, "2"), encodeRecord(endpoint(2n)));
  await until("the first look is done", () => follower.known.size === 1);
  await writeAtomically(path, encodeRecord(endpoint(1n, "a")));
  await until("it is added", () => follower.last(1n)?.kind === "added");
  await writeAtomically(path, encodeRecord(endpoint(1n, "b")));
  await until("it is changed", () => follower.last(1n)?.kind === "changed");
  await rm(path);
  await until("it is removed", () => follower.last(1n)?.kind === "removed");
  await rename(folder.directory, `${folder.directory}-moved`);
  await until("all are removed with the directory", () => follower.known.size === 0);
});

test("a file that is being brought back when it is removed stays away", async () => {
  const { path } = await openFolder();
  const gate = Promise.withResolvers<undefined>();
  let writes = 0;
  const files = new OwnFiles({
    leaseMs: 60_000,
    touchMs: 5,
    logger,
    write: async (...file) => {
      if (++writes > 1) await gate.promise;
      await writeAtomically(...file);
    },
  });
  const file = await files.put(path, "text");
  await rm(path);
  await until("it is being written anew", () => writes === 2);
  const removed = files.remove(file);
  await sleep(50);
  gate.resolve(undefined);
  await removed;
  await sleep(50);
  await expect(access(path)).rejects.toThrow("ENOENT");
});
