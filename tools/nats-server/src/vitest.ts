import { describe, onTestFinished } from "vitest";
import type { NatsServerConfig } from "./config.ts";
import { hasNatsServer } from "./find.ts";
import { startNatsServer } from "./server.ts";
import type { NatsServer } from "./server.ts";

/** Tests that need a real server. Without one they are reported as skipped, and fail in CI. */
export const describeWithNats = describe.skipIf(!(await hasNatsServer()));

/** A server for one test, ended with it. */
export async function natsServer(config?: NatsServerConfig): Promise<NatsServer> {
  const server = await startNatsServer(config);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}
