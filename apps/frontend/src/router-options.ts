/**
 * How workers are chosen: flags with the names, variables and defaults of Dynamo 1.6, and the names that 0.7 had.
 *
 * Source: interop notes, sections C4 and C5; kv_router_args.py and router_args.py of ai-dynamo 1.6.1.
 */
import { Option } from "commander";
import { flag, numberFrom, seconds, wholeNumberFrom } from "./option-values.ts";

export const ROUTER_MODES = [
  "round-robin",
  "random",
  "power-of-two",
  "least-loaded",
  "direct",
  "kv",
] as const;
export type RouterMode = (typeof ROUTER_MODES)[number];

export interface RouterOptions {
  readonly routerMode: RouterMode;
  readonly routerKvEvents: boolean;
  readonly eventPlane: string;
  readonly routerReplicaSync: boolean;
  readonly routerSnapshotThreshold: number;
  readonly routerResetStates: boolean;
  readonly routerTtlSecs: number;
  readonly routerKvOverlapScoreCredit: number;
  readonly routerKvOverlapScoreCreditDecay: number;
  readonly routerPrefillLoadScale: number;
  readonly routerDecodeActiveRequestWeight: number;
  readonly routerTemperature: number;
  readonly routerTrackActiveBlocks: boolean;
  readonly routerTrackPrefillTokens: boolean;
  readonly activeDecodeBlocksThreshold?: number;
  readonly activePrefillTokensThreshold?: number;
  readonly activePrefillTokensThresholdFrac?: number;
}

/** Flags of earlier releases and what they are called now. */
const EARLIER_NAMES: Readonly<Record<string, string>> = {
  "--kv-events": "--router-kv-events",
  "--no-kv-events": "--no-router-kv-events",
  "--router-ttl": "--router-ttl-secs",
  // The weight of blocks that have to be computed.
  "--kv-overlap-score-weight": "--router-prefill-load-scale",
  "--router-kv-overlap-score-weight": "--router-prefill-load-scale",
  "--track-active-blocks": "--router-track-active-blocks",
  "--no-track-active-blocks": "--no-router-track-active-blocks",
  "--busy-threshold": "--active-decode-blocks-threshold",
};

/** The arguments with the names of today. */
export function withPresentNames(args: readonly string[]): string[] {
  return args.map((arg) => {
    const [name = "", ...value] = arg.split("=");
    return [EARLIER_NAMES[name] ?? name, ...value].join("=");
  });
}

export function routerOptions(): Option[] {
  return [
    new Option("--router-mode <mode>", "how to choose among the workers of a model")
      .env("DYN_ROUTER_MODE")
      .choices(ROUTER_MODES)
      .default("round-robin"),
    ...kvOptions(),
    ...busyOptions(),
  ];
}

function kvOptions(): Option[] {
  return [
    ...onOff(
      "router-kv-events",
      "DYN_ROUTER_USE_KV_EVENTS",
      true,
      "know from events what workers have cached",
    ),
    // Which ones there are, the package of the event plane knows.
    new Option("--event-plane <plane>", "mode kv: what carries the events: zmq, nats, or jetstream of 0.7")
      .env("DYN_EVENT_PLANE")
      .default("zmq"),
    ...onOff("router-replica-sync", "DYN_ROUTER_REPLICA_SYNC", false, "share load with other frontends"),
    new Option(
      "--router-snapshot-threshold <messages>",
      "mode kv with events of 0.7: save the state when the stream has more messages",
    )
      .env("DYN_ROUTER_SNAPSHOT_THRESHOLD")
      .argParser(wholeNumberFrom(1))
      .default(1_000_000),
    ...onOff(
      "router-reset-states",
      "DYN_ROUTER_RESET_STATES",
      false,
      "with events of 0.7: begin without the state that other frontends left",
    ),
    new Option("--router-ttl-secs <seconds>", "without events: how long a prompt counts as cached")
      .env("DYN_ROUTER_TTL_SECS")
      .argParser(seconds)
      .default(120),
    weight("router-kv-overlap-score-credit", 1, "how much a cached block takes off a prompt's cost"),
    weight("router-kv-overlap-score-credit-decay", 0, "how fast that shrinks on workers with more to do"),
    weight("router-prefill-load-scale", 1, "what a block costs that has to be computed"),
    weight("router-decode-active-request-weight", 0, "blocks that each running request costs on top"),
    weight("router-temperature", 0, "0 takes the lowest cost; above, chances follow the costs"),
    ...onOff("router-track-active-blocks", "DYN_ROUTER_TRACK_ACTIVE_BLOCKS", true, "count the blocks in use"),
    ...onOff(
      "router-track-prefill-tokens",
      "DYN_ROUTER_TRACK_PREFILL_TOKENS",
      true,
      "count the prompt tokens that have to be computed",
    ),
  ];
}

function busyOptions(): Option[] {
  const name = (flagName: string) => `DYN_${flagName.replaceAll("-", "_").toUpperCase()}`;
  const threshold = (flagName: string, value: string, meaning: string) =>
    new Option(`--${flagName} <${value}>`, `a worker is busy with ${meaning}`)
      .env(name(flagName))
      .default(undefined, "none");
  return [
    threshold(
      "active-decode-blocks-threshold",
      "share",
      "more than this share of its KV blocks in use",
    ).argParser(numberFrom(0, 1)),
    threshold(
      "active-prefill-tokens-threshold",
      "tokens",
      "more than so many prompt tokens to compute",
    ).argParser(wholeNumberFrom(0)),
    threshold(
      "active-prefill-tokens-threshold-frac",
      "batches",
      "more of them than so many of its largest batches",
    ).argParser(numberFrom(0, Number.MAX_VALUE)),
  ];
}

function weight(name: string, preset: number, meaning: string): Option {
  return new Option(`--${name} <number>`, `mode kv: ${meaning}`)
    .env(`DYN_${name.replaceAll("-", "_").toUpperCase()}`)
    .argParser(numberFrom(0, Number.MAX_VALUE))
    .default(preset);
}

/** `--name`, `--no-name` and a variable that says true or false. */
function onOff(name: string, variable: string, preset: boolean, meaning: string): Option[] {
  return [
    new Option(`--${name} [on]`, `mode kv: ${meaning}`)
      .env(variable)
      .argParser(flag)
      .preset("true")
      .default(preset),
    new Option(`--no-${name}`, `the opposite of --${name}`),
  ];
}
