import { hasEtcdServer, startEtcdServer } from "@dynamo/etcd-server";
import type { EtcdServer, Tls } from "@dynamo/etcd-server";
import { describe, onTestFinished } from "vitest";

/** Tests that need a real etcd. Without one they are reported as skipped, and fail in CI. */
export const describeWithEtcd = describe.skipIf(!(await hasEtcdServer()));

/** A server for one test, ended with it. */
export async function etcdServer(tls?: Tls): Promise<EtcdServer> {
  const server = await startEtcdServer(tls);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}
