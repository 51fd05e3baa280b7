import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NatsServer } from "@dynamo/nats-server";
import { natsServer } from "@dynamo/nats-server/vitest";
import { onTestFinished } from "vitest";

/** A server for one test that keeps streams in a folder, also when it is killed. */
export async function jetStreamServer(): Promise<NatsServer> {
  const folder = await mkdtemp(join(tmpdir(), "jetstream-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return natsServer({ lines: [`jetstream { store_dir: ${JSON.stringify(folder)} }`] });
}
