import { describe, onTestFinished } from "vitest";
import { hasEtcdServer, startEtcdServer } from "./server.ts";
import type { EtcdServer, Tls } from "./server.ts";

/** Tests that need a real etcd. Without one they are reported as skipped, and fail in CI. */
export const describeWithEtcd = describe.skipIf(!(await hasEtcdServer()));

/** A server for one test, ended with it. */
export async function etcdServer(tls?: Tls): Promise<EtcdServer> {
  const server = await startEtcdServer(tls);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}
