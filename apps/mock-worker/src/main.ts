#!/usr/bin/env node
/**
 * The mock worker as a process: options, one plane, one discovery, and an orderly end.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { discoveryFromEnv } from "@dynamo/discovery";
import { eventPlaneFromEnv } from "@dynamo/event-plane";
import { RequestPlaneError, createNetworkManager, loadTransport } from "@dynamo/request-plane-core";
import type { NetworkManager, Transport } from "@dynamo/request-plane-core";
import { pino } from "pino";
import { engineOptions, parseOptions } from "./options.ts";
import type { WorkerOptions } from "./options.ts";
import { USAGE_ERROR } from "./settings.ts";
import { shutdownRequested } from "./shutdown.ts";
import { textModel } from "./text/text-model.ts";
import { tokensModel } from "./tokens/tokens-model.ts";
import { serveModel } from "./worker.ts";
import type { ServedModel } from "./worker.ts";

const { options, warnings } = parseOptions(process.argv.slice(2));
// Not sync, pino would try for ever to write its last lines at the exit when their reader is gone.
const logger = pino({ level: options.logLevel, base: null }, pino.destination({ dest: 2, sync: true }));
for (const warning of warnings) logger.warn(warning);
try {
  await run(options);
} catch (error) {
  const failure = RequestPlaneError.from(error);
  logger.error({ code: failure.code, ...failure.facts }, failure.message);
  process.exitCode = failure.code === "invalid_configuration" ? USAGE_ERROR : 1;
}
process.exit();

/** Returns after the first signal, when everything that ran has come to its end. */
async function run(options: WorkerOptions): Promise<void> {
  const shutdown = shutdownRequested();
  const plane = await loadTransport(options.requestPlane, (packageName) => import(packageName));
  const discovery = await discoveryFromEnv({
    ...process.env,
    DYN_DISCOVERY_BACKEND: options.discoveryBackend,
  });
  const manager = createNetworkManager({ transports: [plane], discovery, logger });
  let model: ServedModel | undefined;
  try {
    model = await modelOf(options, manager);
    if (options.kind === "tokens" && options.startupTime > 0) {
      logger.info({ seconds: options.startupTime }, "starting up");
      if (await endedWithin(options.startupTime, shutdown)) return;
    }
    const serving = serveModel(options, model, { manager, discovery, logger });
    const models = await serving.catch((error: unknown) => Promise.reject(startFailure(error, plane)));
    const signal = await shutdown;
    logger.info({ signal, drainSeconds: options.drainTimeout }, "shutting down");
    await Promise.all(models.map((model) => model.unregister()));
  } finally {
    await manager.close({ drainMs: options.drainTimeout * 1000 });
    await model?.close?.();
    await discovery.close();
  }
}

async function modelOf(options: WorkerOptions, manager: NetworkManager): Promise<ServedModel> {
  if (options.kind === "text") return textModel(options);
  const eventPlane = await eventPlaneFromEnv({ manager, mode: options.eventPlane, logger });
  return tokensModel(options, engineOptions(options), eventPlane);
}

/** Waits so long, but not beyond the end that was asked for. */
async function endedWithin(seconds: number, shutdown: Promise<unknown>): Promise<boolean> {
  return Promise.race([sleep(seconds * 1000, false), shutdown.then(() => true)]);
}

/** Whoever has no broker, and perhaps never asked for one, is told of the planes without. */
function startFailure(error: unknown, { capabilities }: Transport): RequestPlaneError {
  const failure = RequestPlaneError.from(error);
  const isUnreachable = failure.code === "cannot_connect" || failure.code === "deadline_exceeded";
  if (!capabilities.brokered || !isUnreachable) return failure;
  const { code, message, facts } = failure;
  const advice =
    "The planes tcp and http need no server: choose one with --request-plane or DYN_REQUEST_PLANE.";
  return new RequestPlaneError(code, `${message}. ${advice}`, { cause: failure, facts });
}
