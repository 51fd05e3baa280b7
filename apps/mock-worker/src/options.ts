/**
 * The options of the worker. The first ones carry Dynamo's names; those of the simulation are ours.
 */
import { parseEndpointName, parseRequestPlaneMode } from "@dynamo/request-plane-core";
import type { EndpointName } from "@dynamo/request-plane-core";
import { Command } from "commander";
import { parseFault } from "./faults.ts";
import { REPLY_KINDS } from "./replies.ts";
import { numberFrom, oneOf, parseSettings, wholeNumberFrom } from "./settings.ts";
import type { ParsedSettings, ValuesOf } from "./settings.ts";

/** Node's timers fire at once when the time doesn't fit into 31 bits. */
const MAX_MS = 2 ** 31 - 1;

const SETTINGS = {
  modelName: {
    flag: "--model-name <name>",
    env: "DYN_MODEL_NAME",
    text: "name under which clients ask for the model",
    default: "mock-model",
    parse: name,
  },
  endpoint: {
    flag: "--endpoint <names>",
    env: "DYN_ENDPOINT",
    text: "endpoint to serve; several with commas or by repeating the option",
    default: "dyn://dynamo.backend.generate",
    repeatable: true,
    parse: endpointNames,
  },
  requestPlane: {
    flag: "--request-plane <plane>",
    env: "DYN_REQUEST_PLANE",
    text: "nats, tcp or http",
    default: "nats",
    parse: parseRequestPlaneMode,
  },
  discoveryBackend: {
    flag: "--discovery-backend <backend>",
    env: "DYN_DISCOVERY_BACKEND",
    text: "file, mem (this process only) or etcd; kubernetes is not there",
    default: "file",
    parse: oneOf("file", "mem", "etcd", "kubernetes"),
  },
  numWorkers: {
    flag: "--num-workers <count>",
    env: "DYN_MOCK_NUM_WORKERS",
    text: "workers in this process, each with an instance id of its own",
    default: "1",
    parse: wholeNumberFrom(1, 10_000),
  },
  reply: {
    flag: "--reply <kind>",
    env: "DYN_MOCK_REPLY",
    text: "echo the question, a fixed text, or made-up words",
    default: "echo",
    parse: oneOf(...REPLY_KINDS),
  },
  replyText: {
    flag: "--reply-text <text>",
    env: "DYN_MOCK_REPLY_TEXT",
    text: "the text of --reply fixed",
    default: "Hello from the mock worker.",
    parse: String,
  },
  tokens: {
    flag: "--tokens <count>",
    env: "DYN_MOCK_TOKENS",
    text: "length of the answers of --reply words",
    default: "16",
    parse: wholeNumberFrom(0, 1_000_000),
  },
  seed: {
    flag: "--seed <number>",
    env: "DYN_MOCK_SEED",
    text: "same seed, same question, same answer",
    default: "0",
    parse: wholeNumberFrom(0, Number.MAX_SAFE_INTEGER),
  },
  ttftMs: {
    flag: "--ttft-ms <ms>",
    env: "DYN_MOCK_TTFT_MS",
    text: "time to the first token",
    default: "0",
    parse: numberFrom(0, MAX_MS),
  },
  itlMs: {
    flag: "--itl-ms <ms>",
    env: "DYN_MOCK_ITL_MS",
    text: "time from one token to the next",
    default: "0",
    parse: numberFrom(0, MAX_MS),
  },
  jitter: {
    flag: "--jitter <fraction>",
    env: "DYN_MOCK_JITTER",
    text: "how far these times may be off, 0 to 1",
    default: "0",
    parse: numberFrom(0, 1),
  },
  fault: {
    flag: "--fault <fault>",
    env: "DYN_MOCK_FAULT",
    text: "none, fail_after:N, stall_after:N or die_after:N, N in tokens of each answer",
    default: "none",
    parse: (text: string) => (text === "none" ? undefined : parseFault(text)),
  },
  drainTimeout: {
    flag: "--drain-timeout <seconds>",
    env: "DYN_WORKER_GRACEFUL_SHUTDOWN_TIMEOUT",
    text: "how long running requests may take to finish after SIGTERM",
    default: "30",
    parse: numberFrom(0, 86_400),
  },
  logLevel: {
    flag: "--log-level <level>",
    env: "DYN_LOG",
    text: "error, warn, info, debug or silent; JSON lines on stderr",
    default: "info",
    parse: oneOf("error", "warn", "info", "debug", "silent"),
  },
} as const;

export type WorkerOptions = ValuesOf<typeof SETTINGS>;

export function parseOptions(args: readonly string[]): ParsedSettings<typeof SETTINGS> {
  const command = new Command("dynamo-mock-worker")
    .description("Serves a chat model that isn't there: scripted answers, timing and faults.")
    .helpOption("-h, --help", "show this");
  return parseSettings(command, SETTINGS, args);
}

function name(text: string): string {
  if (text.trim() !== "") return text;
  throw new Error("a model needs a name");
}

function endpointNames(text: string): EndpointName[] {
  const names = text.split(",").map((part) => part.trim());
  return [...new Set(names)].map(parseEndpointName);
}
