/**
 * The command line. Every flag has an environment variable, with Dynamo's names where Dynamo has the setting.
 * A flag wins over its variable. A flag that can't be used is an error; a variable that can't be used counts
 * as not set, with one warning.
 */
import { readFileSync } from "node:fs";
import { CORE_SETTINGS } from "@dynamo/request-plane-core";
import type { RequestPlaneMode } from "@dynamo/request-plane-core";
import { Command, InvalidArgumentError, Option } from "commander";
import { OVERLOADED_STATUS } from "./errors.ts";
import {
  count,
  httpStatus,
  megabytes,
  metricsPrefix,
  origins,
  port,
  requestPlane,
  seconds,
} from "./option-values.ts";
import { routerOptions, withPresentNames } from "./router-options.ts";
import type { RouterOptions } from "./router-options.ts";

export interface Options extends RouterOptions {
  readonly httpHost: string;
  readonly httpPort: number;
  readonly httpCorsOrigin: readonly string[];
  readonly httpBodyLimitMb: number;
  readonly httpResponseLimitMb: number;
  readonly httpOverloadStatusCode: number;
  readonly httpGracefulShutdownTimeoutSecs: number;
  readonly httpClientStallTimeoutSecs: number;
  readonly httpBackendStreamTimeoutSecs: number;
  readonly responseEstablishTimeoutSecs: number;
  readonly responseFirstItemTimeoutSecs: number;
  readonly responseTotalTimeoutSecs: number;
  readonly requestPlane: RequestPlaneMode;
  readonly discoveryBackend: string;
  readonly namespace?: string;
  readonly modelName?: string;
  /** Default: what the model's card says. */
  readonly migrationLimit?: number;
  readonly migrationMaxSeqLen?: number;
  readonly metricsPrefix: string;
  readonly logLevel: string;
}

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/**
 * Reads the arguments (without `node` and script) and `process.env`. Throws commander's `CommanderError`;
 * help, version and messages about wrong flags have been printed by then.
 */
export function parseOptions(args: readonly string[], warn: (message: string) => void): Options {
  const command = frontendCommand();
  dropUnusableVariables(command, warn);
  return command.parse(withPresentNames(args), { from: "user" }).opts<Options>();
}

/** The command as it is before it has read anything. */
export function frontendCommand(): Command {
  const command = new Command("dynamo-frontend")
    .description("An OpenAI-compatible HTTP frontend for Dynamo workers.")
    .version(version())
    .helpOption("-h, --help", "Show this help.")
    .allowExcessArguments(false)
    .exitOverride();
  for (const option of [...httpOptions(), ...timeoutOptions(), ...servingOptions(), ...routerOptions()])
    command.addOption(option);
  return command;
}

function httpOptions(): Option[] {
  return [
    new Option("--http-host <host>", "address to listen on").env("DYN_HTTP_HOST").default("0.0.0.0"),
    new Option("--http-port <port>", "port to listen on; 0 lets the system pick")
      .env("DYN_HTTP_PORT")
      .argParser(port)
      .default(8000),
    new Option(
      "--http-cors-origin <origins>",
      "origins browsers may call from, with commas between; * is any",
    )
      .env("DYN_HTTP_CORS_ORIGIN")
      .argParser(origins)
      .default([], "none"),
    new Option("--http-body-limit-mb <mb>", "largest request body")
      .env("DYN_HTTP_BODY_LIMIT_MB")
      .argParser(megabytes)
      .default(45),
    new Option("--http-response-limit-mb <mb>", "largest answer to a request that doesn't stream")
      .env("DYN_HTTP_RESPONSE_LIMIT_MB")
      .argParser(megabytes)
      .default(256),
    new Option("--http-overload-status-code <status>", "what clients get when no worker has room, 200 to 599")
      .env("DYN_HTTP_OVERLOAD_STATUS_CODE")
      .argParser(httpStatus)
      .default(OVERLOADED_STATUS),
  ];
}

function timeoutOptions(): Option[] {
  const timeout = (name: string, description: string, defaultMs: number) =>
    new Option(`--${name} <seconds>`, description)
      .env(`DYN_${name.replaceAll("-", "_").toUpperCase()}`)
      .argParser(seconds)
      .default(defaultMs / 1000);
  const { betweenItemsMs, establishMs, firstItemMs, totalMs } = CORE_SETTINGS;
  return [
    timeout(
      "http-graceful-shutdown-timeout-secs",
      "how long running requests may go on after SIGTERM",
      5_000,
    ),
    timeout(
      "http-client-stall-timeout-secs",
      "how long a client may leave its stream unread, 0 for ever",
      300_000,
    ),
    timeout(
      "response-establish-timeout-secs",
      "longest wait for a worker to begin, 0 for ever",
      establishMs.fallback,
    ),
    timeout(
      "response-first-item-timeout-secs",
      "longest wait from there to its first item, 0 for ever",
      firstItemMs.fallback,
    ),
    timeout(
      "http-backend-stream-timeout-secs",
      "longest wait from one item to the next, 0 for ever",
      betweenItemsMs.fallback,
    ),
    timeout("response-total-timeout-secs", "longest time for a whole request, 0 for ever", totalMs.fallback),
  ];
}

function servingOptions(): Option[] {
  return [
    new Option("--request-plane <plane>", "how requests reach workers: nats, tcp or http")
      .env("DYN_REQUEST_PLANE")
      .argParser(requestPlane)
      .default("nats"),
    // Which ones there are, the discovery package knows.
    new Option("--discovery-backend <backend>", "where workers are found: file, mem or etcd")
      .env("DYN_DISCOVERY_BACKEND")
      .default("file"),
    new Option("--namespace <namespace>", "serve only models of this namespace").env("DYN_NAMESPACE"),
    new Option("--model-name <name>", "serve only this model").env("DYN_MODEL_NAME"),
    new Option(
      "--migration-limit <times>",
      "how often a request may move on to another worker; 0 is never, unset what the model's card says",
    )
      .env("DYN_MIGRATION_LIMIT")
      .argParser(count)
      .default(undefined, "card"),
    new Option("--migration-max-seq-len <tokens>", "longest prompt and answer that may move on, together")
      .env("DYN_MIGRATION_MAX_SEQ_LEN")
      .argParser(count)
      .default(undefined, "any"),
    new Option("--metrics-prefix <prefix>", "what the names in /metrics begin with")
      .env("DYN_METRICS_PREFIX")
      .argParser(metricsPrefix)
      .default("dynamo_frontend"),
    new Option("--log-level <level>", "least severe messages to log")
      .env("DYN_LOG")
      .choices(LOG_LEVELS)
      .default("info"),
  ];
}

/** Commander treats a wrong variable like a wrong flag; here it is warned of and then doesn't exist. */
function dropUnusableVariables(command: Command, warn: (message: string) => void): void {
  for (const { envVar, parseArg, defaultValue } of command.options) {
    const text = envVar === undefined ? undefined : process.env[envVar];
    if (envVar === undefined || text === undefined) continue;
    const fault = text === "" ? "" : faultOf(() => parseArg?.(text, undefined));
    if (fault === undefined) continue;
    Reflect.deleteProperty(process.env, envVar);
    if (fault !== "")
      warn(`${envVar}='${text}' can't be used (${fault}); the default is used: ${String(defaultValue)}`);
  }
}

function faultOf(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (error instanceof InvalidArgumentError) return error.message;
    throw error;
  }
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
