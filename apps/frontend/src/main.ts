#!/usr/bin/env node
/**
 * The program `dynamo-frontend`. Exit codes: 0 after a shutdown that was asked for, 1 when it can't run, 2 for
 * settings that can't be used.
 */
import { discoveryFromEnv } from "@dynamo/discovery";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { CommanderError } from "commander";
import { pino } from "pino";
import type { Logger } from "pino";
import { Frontend } from "./frontend.ts";
import { parseOptions } from "./options.ts";
import type { Options } from "./options.ts";
import { loadTransports } from "./planes.ts";

async function main(): Promise<void> {
  const warnings: string[] = [];
  const options = parseOptions(process.argv.slice(2), (message) => warnings.push(message));
  // Not sync, pino would try for ever to write its last lines at the exit when their reader is gone.
  const logger = pino(
    { name: "dynamo-frontend", level: options.logLevel },
    pino.destination({ dest: 2, sync: true }),
  );
  for (const warning of warnings) logger.warn(warning);
  const discovery = await discoveryFromEnv({
    ...process.env,
    DYN_DISCOVERY_BACKEND: options.discoveryBackend,
  });
  const transports = await loadTransports(options.requestPlane);
  const frontend = new Frontend({ options, transports, discovery, logger });
  const close = async (): Promise<void> => {
    await frontend.close();
    await discovery.close();
  };
  // Before it says that it listens: whoever waits for that may end it at once.
  closeOnSignal(close, logger);
  try {
    await frontend.start();
  } catch (error) {
    await close();
    throw listenFailure(error, options);
  }
}

/** One Ctrl-C may arrive twice: from the terminal, and passed on by npm. */
const REPEAT_MS = 500;

/** The first signal ends the work in order, a later one at once. */
function closeOnSignal(close: () => Promise<void>, logger: Logger): void {
  let askedAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (askedAt !== undefined && performance.now() - askedAt < REPEAT_MS) return;
    if (askedAt !== undefined) process.exit(1);
    askedAt = performance.now();
    logger.info(`${signal}: running requests may finish, new ones are refused`);
    close().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
}

/** Node's reasons for not listening, with the setting that helps. */
function listenFailure(error: unknown, { httpHost, httpPort }: Options): unknown {
  const host = "--http-host or DYN_HTTP_HOST";
  const port = "--http-port or DYN_HTTP_PORT";
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `Port ${httpPort} of ${httpHost} is in use. Stop the program that has it, or choose another port with ${port}.`,
    EACCES: `Port ${httpPort} may not be opened by this user. Choose one above 1023 with ${port}.`,
    EADDRNOTAVAIL: `This machine has no address ${httpHost}. Choose another one with ${host}.`,
    ENOTFOUND: `The host name ${httpHost} is not known. Choose an address of this machine with ${host}.`,
  };
  const reason = reasons[(error as NodeJS.ErrnoException).code ?? ""];
  return reason === undefined ? error : new Error(reason, { cause: error });
}

function fail(error: unknown): never {
  // Commander has said what is wrong, or has printed help or version.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  process.stderr.write(`dynamo-frontend: ${error instanceof Error ? error.message : String(error)}\n`);
  const isSetting = RequestPlaneError.is(error) && error.code === "invalid_configuration";
  process.exit(isSetting ? 2 : 1);
}

await main().catch(fail);
