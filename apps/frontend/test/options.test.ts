import { CommanderError } from "commander";
import { afterEach, describe, expect, test, vi } from "vitest";
import { parseOptions } from "../src/options.ts";
import type { Options } from "../src/options.ts";

afterEach(() => vi.unstubAllEnvs());

function parse(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const warnings: string[] = [];
  const options = parseOptions(args, (warning) => warnings.push(warning));
  return { options, warnings };
}

describe("options", () => {
  test("have Dynamo's defaults", () => {
    expect(parse([])).toEqual({
      warnings: [],
      options: {
        httpHost: "0.0.0.0",
        httpPort: 8000,
        httpCorsOrigin: [],
        httpBodyLimitMb: 45,
        httpOverloadStatusCode: 529,
        httpResponseLimitMb: 256,
        httpGracefulShutdownTimeoutSecs: 5,
        httpClientStallTimeoutSecs: 300,
        httpBackendStreamTimeoutSecs: 60,
        responseEstablishTimeoutSecs: 30,
        responseFirstItemTimeoutSecs: 300,
        responseTotalTimeoutSecs: 0,
        routerMode: "round-robin",
        routerKvEvents: true,
        eventPlane: "zmq",
        routerReplicaSync: false,
        routerSnapshotThreshold: 1_000_000,
        routerResetStates: false,
        routerTtlSecs: 120,
        routerKvOverlapScoreCredit: 1,
        routerKvOverlapScoreCreditDecay: 0,
        routerPrefillLoadScale: 1,
        routerDecodeActiveRequestWeight: 0,
        routerTemperature: 0,
        routerTrackActiveBlocks: true,
        routerTrackPrefillTokens: true,
        requestPlane: "nats",
        discoveryBackend: "file",
        metricsPrefix: "dynamo_frontend",
        logLevel: "info",
      },
    });
  });

  test.each<[string, string, string, Partial<Options>]>([
    ["--http-host", "DYN_HTTP_HOST", "::1", { httpHost: "::1" }],
    ["--http-port", "DYN_HTTP_PORT", "0", { httpPort: 0 }],
    [
      "--http-cors-origin",
      "DYN_HTTP_CORS_ORIGIN",
      "https://a.b, *",
      { httpCorsOrigin: ["https://a.b", "*"] },
    ],
    ["--http-body-limit-mb", "DYN_HTTP_BODY_LIMIT_MB", "7", { httpBodyLimitMb: 7 }],
    ["--http-overload-status-code", "DYN_HTTP_OVERLOAD_STATUS_CODE", "503", { httpOverloadStatusCode: 503 }],
    ["--http-response-limit-mb", "DYN_HTTP_RESPONSE_LIMIT_MB", "7", { httpResponseLimitMb: 7 }],
    [
      "--http-graceful-shutdown-timeout-secs",
      "DYN_HTTP_GRACEFUL_SHUTDOWN_TIMEOUT_SECS",
      "0",
      { httpGracefulShutdownTimeoutSecs: 0 },
    ],
    [
      "--http-client-stall-timeout-secs",
      "DYN_HTTP_CLIENT_STALL_TIMEOUT_SECS",
      "2",
      { httpClientStallTimeoutSecs: 2 },
    ],
    [
      "--http-backend-stream-timeout-secs",
      "DYN_HTTP_BACKEND_STREAM_TIMEOUT_SECS",
      "1.5",
      { httpBackendStreamTimeoutSecs: 1.5 },
    ],
    [
      "--response-establish-timeout-secs",
      "DYN_RESPONSE_ESTABLISH_TIMEOUT_SECS",
      "3",
      { responseEstablishTimeoutSecs: 3 },
    ],
    [
      "--response-first-item-timeout-secs",
      "DYN_RESPONSE_FIRST_ITEM_TIMEOUT_SECS",
      "3",
      { responseFirstItemTimeoutSecs: 3 },
    ],
    [
      "--response-total-timeout-secs",
      "DYN_RESPONSE_TOTAL_TIMEOUT_SECS",
      "3",
      { responseTotalTimeoutSecs: 3 },
    ],
    ["--router-mode", "DYN_ROUTER_MODE", "least-loaded", { routerMode: "least-loaded" }],
    ["--router-kv-events", "DYN_ROUTER_USE_KV_EVENTS", "off", { routerKvEvents: false }],
    ["--event-plane", "DYN_EVENT_PLANE", "nats", { eventPlane: "nats" }],
    ["--router-replica-sync", "DYN_ROUTER_REPLICA_SYNC", "true", { routerReplicaSync: true }],
    ["--router-snapshot-threshold", "DYN_ROUTER_SNAPSHOT_THRESHOLD", "6", { routerSnapshotThreshold: 6 }],
    ["--router-reset-states", "DYN_ROUTER_RESET_STATES", "1", { routerResetStates: true }],
    ["--router-ttl-secs", "DYN_ROUTER_TTL_SECS", "1.5", { routerTtlSecs: 1.5 }],
    [
      "--router-kv-overlap-score-credit",
      "DYN_ROUTER_KV_OVERLAP_SCORE_CREDIT",
      "0.5",
      { routerKvOverlapScoreCredit: 0.5 },
    ],
    [
      "--router-kv-overlap-score-credit-decay",
      "DYN_ROUTER_KV_OVERLAP_SCORE_CREDIT_DECAY",
      "2",
      { routerKvOverlapScoreCreditDecay: 2 },
    ],
    ["--router-prefill-load-scale", "DYN_ROUTER_PREFILL_LOAD_SCALE", "3", { routerPrefillLoadScale: 3 }],
    [
      "--router-decode-active-request-weight",
      "DYN_ROUTER_DECODE_ACTIVE_REQUEST_WEIGHT",
      "4",
      { routerDecodeActiveRequestWeight: 4 },
    ],
    ["--router-temperature", "DYN_ROUTER_TEMPERATURE", "0.2", { routerTemperature: 0.2 }],
    [
      "--router-track-active-blocks",
      "DYN_ROUTER_TRACK_ACTIVE_BLOCKS",
      "0",
      { routerTrackActiveBlocks: false },
    ],
    [
      "--router-track-prefill-tokens",
      "DYN_ROUTER_TRACK_PREFILL_TOKENS",
      "no",
      { routerTrackPrefillTokens: false },
    ],
    [
      "--active-decode-blocks-threshold",
      "DYN_ACTIVE_DECODE_BLOCKS_THRESHOLD",
      "0.85",
      { activeDecodeBlocksThreshold: 0.85 },
    ],
    [
      "--active-prefill-tokens-threshold",
      "DYN_ACTIVE_PREFILL_TOKENS_THRESHOLD",
      "8192",
      { activePrefillTokensThreshold: 8192 },
    ],
    [
      "--active-prefill-tokens-threshold-frac",
      "DYN_ACTIVE_PREFILL_TOKENS_THRESHOLD_FRAC",
      "2.5",
      { activePrefillTokensThresholdFrac: 2.5 },
    ],
    ["--request-plane", "DYN_REQUEST_PLANE", "NaTs", { requestPlane: "nats" }],
    ["--discovery-backend", "DYN_DISCOVERY_BACKEND", "mem", { discoveryBackend: "mem" }],
    ["--namespace", "DYN_NAMESPACE", "prod", { namespace: "prod" }],
    ["--model-name", "DYN_MODEL_NAME", "a/b", { modelName: "a/b" }],
    ["--log-level", "DYN_LOG", "debug", { logLevel: "debug" }],
  ])("%s and %s with '%s'", (flag, variable, text, expected) => {
    expect(parse([flag, text]).options).toMatchObject(expected);
    expect(parse([], { [variable]: text }).options).toMatchObject(expected);
  });

  test("a flag wins over its variable", () => {
    expect(parse(["--http-port", "1"], { DYN_HTTP_PORT: "2" }).options.httpPort).toBe(1);
  });

  test.each([
    ["DYN_HTTP_PORT", "65536", "httpPort", 8000],
    ["DYN_HTTP_PORT", "8000x", "httpPort", 8000],
    ["DYN_HTTP_BODY_LIMIT_MB", "0", "httpBodyLimitMb", 45],
    ["DYN_HTTP_OVERLOAD_STATUS_CODE", "199", "httpOverloadStatusCode", 529],
    ["DYN_HTTP_OVERLOAD_STATUS_CODE", "600", "httpOverloadStatusCode", 529],
    ["DYN_HTTP_GRACEFUL_SHUTDOWN_TIMEOUT_SECS", "-1", "httpGracefulShutdownTimeoutSecs", 5],
    ["DYN_HTTP_GRACEFUL_SHUTDOWN_TIMEOUT_SECS", "NaN", "httpGracefulShutdownTimeoutSecs", 5],
    ["DYN_HTTP_CORS_ORIGIN", "example.com", "httpCorsOrigin", []],
    ["DYN_ROUTER_MODE", "fastest", "routerMode", "round-robin"],
    ["DYN_ROUTER_USE_KV_EVENTS", "maybe", "routerKvEvents", true],
    ["DYN_ROUTER_TEMPERATURE", "-1", "routerTemperature", 0],
    ["DYN_ROUTER_TTL_SECS", "soon", "routerTtlSecs", 120],
    ["DYN_ACTIVE_DECODE_BLOCKS_THRESHOLD", "85", "activeDecodeBlocksThreshold", undefined],
    ["DYN_REQUEST_PLANE", "udp", "requestPlane", "nats"],
    ["DYN_LOG", "dynamo=debug", "logLevel", "info"],
  ] as const)("%s='%s' gives the default and one warning", (variable, text, key, value) => {
    const { options, warnings } = parse([], { [variable]: text });
    expect(options[key]).toEqual(value);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`${variable}='${text}'`);
  });

  test.each<[string[], Partial<Options>]>([
    [["--router-kv-events"], { routerKvEvents: true }],
    [["--no-router-kv-events"], { routerKvEvents: false }],
    [["--no-kv-events"], { routerKvEvents: false }],
    [["--router-kv-events=false"], { routerKvEvents: false }],
    [["--no-track-active-blocks"], { routerTrackActiveBlocks: false }],
    [["--kv-overlap-score-weight", "2"], { routerPrefillLoadScale: 2 }],
    [["--kv-overlap-score-weight=2"], { routerPrefillLoadScale: 2 }],
    [["--busy-threshold", "0.9"], { activeDecodeBlocksThreshold: 0.9 }],
    [["--router-ttl", "5"], { routerTtlSecs: 5 }],
  ])("%j is understood, the names of earlier releases too", (args, expected) => {
    const opposite = { DYN_ROUTER_USE_KV_EVENTS: String(expected.routerKvEvents !== true) };
    expect(parse(args, opposite).options).toMatchObject(expected);
  });

  test("an empty variable is one that is not set", () => {
    expect(parse([], { DYN_NAMESPACE: "", DYN_HTTP_PORT: "" })).toMatchObject({
      options: { httpPort: 8000 },
      warnings: [],
    });
    expect(parse([], { DYN_NAMESPACE: "" }).options).not.toHaveProperty("namespace");
  });

  test.each([
    [["--http-port", "x"], "Expected a port from 0 to 65535"],
    [["--router-mode", "fastest"], "round-robin, random, power-of-two, least-loaded, direct, kv"],
    [
      ["--request-plane", "udp"],
      "Invalid request plane mode 'udp'. Valid options are: 'nats', 'tcp', 'http'",
    ],
    [["--router-temperature", "warm"], "Expected a number, 0 or more"],
    [["--router-kv-events=perhaps"], "Expected true or false"],
    [["--busy-threshold", "1.5"], "Expected a number, 0 to 1"],
    [["--active-prefill-tokens-threshold", "1.5"], "Expected a whole number, 0 or more"],
    [["--frobnicate"], "unknown option '--frobnicate'"],
    [["extra"], "too many arguments"],
  ])("%j is an error", (args, message) => {
    const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    expect(() => parse(args)).toThrow(CommanderError);
    expect(stderr.mock.calls.join("")).toContain(message);
    stderr.mockRestore();
  });
});
