import { hasEtcdServer, startEtcdServer } from "@dynamo/etcd-server";
import { describe, onTestFinished } from "vitest";

/** Tests that need a real etcd. Without one they are reported as skipped, and fail in CI. */
export const describeWithEtcd = describe.skipIf(!(await hasEtcdServer()));

/** The address of an etcd for one test, which is ended with it. */
export async function etcdUrl(): Promise<string> {
  const server = await startEtcdServer();
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server.url;
}
