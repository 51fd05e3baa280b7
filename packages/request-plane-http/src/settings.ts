import { port, seconds, text, wholeNumber } from "@dynamo/request-plane-core";
import type { Setting, SettingsOf } from "@dynamo/request-plane-core";

/**
 * The variables of the HTTP plane. Source of the names and defaults that are Dynamo's: its request planes
 * guide, "Using HTTP". `DYN_HTTP_MAX_MESSAGE_SIZE` and `DYN_HTTP_PEER_TIMEOUT_SECS` are ours.
 */
export const HTTP_SETTINGS = {
  host: text(
    "DYN_HTTP_RPC_HOST",
    "Address the server listens on. Default: the first one that is not loopback.",
  ),
  advertiseHost: text(
    "DYN_HTTP_RPC_ADVERTISE_HOST",
    "Host that callers are told, when it differs from the address listened on.",
  ),
  port: port("DYN_HTTP_RPC_PORT", 8888, "Port the server listens on; 0 lets the system pick one."),
  rootPath: path("DYN_HTTP_RPC_ROOT_PATH", "/v1/rpc", "Path below which the endpoints are."),
  requestTimeoutMs: seconds(
    "DYN_HTTP_REQUEST_TIMEOUT",
    5_000,
    { min: 0.001, max: 86_400 },
    "How long a request may take from the wait for a connection to the worker's acknowledgement.",
  ),
  maxMessageBytes: wholeNumber(
    "DYN_HTTP_MAX_MESSAGE_SIZE",
    32 * 1024 * 1024,
    { min: 1024, max: 2 ** 32 - 1 },
    "Largest request body in bytes, sent or received.",
  ),
  peerTimeoutMs: seconds(
    "DYN_HTTP_PEER_TIMEOUT_SECS",
    30_000,
    { min: 0.001, max: 86_400 },
    "How long a server waits for a peer: for its first request, the rest of a request, or reading.",
  ),
  maxFrameBytes: wholeNumber(
    "DYN_HTTP2_MAX_FRAME_SIZE",
    1024 * 1024,
    // What HTTP/2 allows (RFC 9113, section 6.5.2).
    { min: 16_384, max: 2 ** 24 - 1 },
    "Largest HTTP/2 frame in bytes that the other side may send.",
  ),
  maxConcurrentStreams: wholeNumber(
    "DYN_HTTP2_MAX_CONCURRENT_STREAMS",
    1000,
    { min: 1, max: 2 ** 31 - 1 },
    "Requests at the same time on one HTTP/2 connection; beyond that a caller opens another one.",
  ),
  poolMaxIdlePerHost: wholeNumber(
    "DYN_HTTP2_POOL_MAX_IDLE_PER_HOST",
    100,
    { min: 0, max: 65_535 },
    "Unused connections to one worker that a caller keeps.",
  ),
  poolIdleMs: seconds(
    "DYN_HTTP2_POOL_IDLE_TIMEOUT_SECS",
    90_000,
    { min: 0.001, max: 86_400 },
    "How long a connection may be unused before its caller closes it.",
  ),
  keepAliveIntervalMs: seconds(
    "DYN_HTTP2_KEEP_ALIVE_INTERVAL_SECS",
    30_000,
    { min: 0, max: 86_400 },
    "How often an HTTP/2 connection is tested with a ping; 0 tests none.",
  ),
  keepAliveTimeoutMs: seconds(
    "DYN_HTTP2_KEEP_ALIVE_TIMEOUT_SECS",
    10_000,
    { min: 0.001, max: 86_400 },
    "How long a ping may go unanswered before the connection is closed.",
  ),
  adaptiveWindow: flag(
    "DYN_HTTP2_ADAPTIVE_WINDOW",
    true,
    "Wide flow control windows (1 MiB a stream, 16 MiB a connection) instead of HTTP/2's fixed 64 KiB.",
  ),
} as const;

export type HttpSettings = SettingsOf<typeof HTTP_SETTINGS>;

/** `true` or `false`, as in Dynamo. */
function flag(variable: string, fallback: boolean, meaning: string): Setting<boolean> {
  return {
    variable,
    fallback,
    meaning,
    expected: "'true' or 'false'",
    parse: (value) => (value === "true" ? true : value === "false" ? false : undefined),
    accepts: (value) => typeof value === "boolean",
  };
}

/** An absolute path whose segments need no escapes. */
function path(variable: string, fallback: string, meaning: string): Setting<string> {
  const isPath = (value: unknown): boolean =>
    typeof value === "string" && /^(\/[\w.~!$&'()*+,;=:@-]+)*\/?$/.test(value) && value !== "";
  return {
    variable,
    fallback,
    meaning,
    expected: "a path that begins with '/'",
    parse: (value) => (isPath(value) ? value : undefined),
    accepts: isPath,
  };
}

export function withoutEndSlash(root: string): string {
  return root.replace(/\/$/, "");
}
