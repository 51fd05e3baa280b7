/** The options that workers of both kinds have. The first ones carry Dynamo's names. */
import { parseEndpointName, parseRequestPlaneMode } from "@dynamo/request-plane-core";
import type { EndpointName } from "@dynamo/request-plane-core";
import { parseFault } from "./faults.ts";
import { numberFrom, oneOf, wholeNumberFrom } from "./settings.ts";

export const COMMON_SETTINGS = {
  modelName: {
    flag: "--model-name <name>",
    env: "DYN_MODEL_NAME",
    text: "name under which clients ask for the model; with --model-path, that path unless told",
    default: "mock-model",
    parse: name,
  },
  endpoint: {
    flag: "--endpoint <names>",
    env: "DYN_ENDPOINT",
    text: "endpoint to serve; several with commas or by repeating the option, with --model-path only one",
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
  seed: {
    flag: "--seed <number>",
    env: "DYN_MOCK_SEED",
    text: "same seed, same question, same answer",
    default: "0",
    parse: wholeNumberFrom(0, Number.MAX_SAFE_INTEGER),
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

function name(text: string): string {
  if (text.trim() !== "") return text;
  throw new Error("a model needs a name");
}

function endpointNames(text: string): EndpointName[] {
  const names = text.split(",").map((part) => part.trim());
  return [...new Set(names)].map(parseEndpointName);
}
