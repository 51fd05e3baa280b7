import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { programForTests } from "@dynamo/debian-programs";
import { describe, onTestFinished } from "vitest";

const program = await programForTests({ name: "etcd", package: "etcd-server" });

/** Tests that need a real etcd. Without one they are reported as skipped, and fail in CI. */
export const describeWithEtcd = describe.skipIf(!program);

/** The address of an etcd for one test, which is ended with it. */
export async function etcdUrl(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "etcd-"));
  const [client, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const child = spawn(
    program!.path,
    [
      ...["--data-dir", folder, "--listen-client-urls", client, "--advertise-client-urls", client],
      ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
      ...["--initial-cluster", `default=${peer}`],
    ],
    { stdio: "ignore", env: { ...process.env, ...program!.environment } },
  );
  onTestFinished(async () => {
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    await rm(folder, { recursive: true, force: true });
  });
  return client;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
