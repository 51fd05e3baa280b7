import { oneOf, port, seconds, text, wholeNumber } from "@dynamo/request-plane-core";
import { PATH_FORMS } from "./address.ts";

/** The variables of the TCP plane. Source of names and defaults: Dynamo's request planes guide, "Using TCP". */
export const TCP_SETTINGS = {
  host: text(
    "DYN_TCP_RPC_HOST",
    "Address the server listens on. Default: the first one that is not loopback.",
  ),
  advertiseHost: text(
    "DYN_TCP_RPC_ADVERTISE_HOST",
    "Host that callers are told, when it differs from the address listened on.",
  ),
  port: port("DYN_TCP_RPC_PORT", 9999, "Port the server listens on; 0 lets the system pick one."),
  /** Not a variable of Dynamo, whose releases have one form each. */
  pathForm: oneOf(
    "DYN_TCP_PATH_FORM",
    "1.6",
    PATH_FORMS,
    "Whose callers can use the addresses of served endpoints: '1.6' those of 0.8 and newer, '0.7' those of 0.7.",
  ),
  maxMessageBytes: wholeNumber(
    "DYN_TCP_MAX_MESSAGE_SIZE",
    32 * 1024 * 1024,
    { min: 1024, max: 2 ** 32 - 1 },
    "Largest frame in bytes, for requests that are sent and that are received.",
  ),
  requestTimeoutMs: seconds(
    "DYN_TCP_REQUEST_TIMEOUT",
    10_000,
    { min: 0.001, max: 86_400 },
    "How long a request waits for the worker's acknowledgement.",
  ),
  poolSize: wholeNumber(
    "DYN_TCP_POOL_SIZE",
    50,
    { min: 1, max: 65_535 },
    "Most connections to one worker address.",
  ),
  connectTimeoutMs: seconds(
    "DYN_TCP_CONNECT_TIMEOUT",
    3_000,
    { min: 0.001, max: 3_600 },
    "How long a connection may take to be made.",
  ),
  channelBuffer: wholeNumber(
    "DYN_TCP_CHANNEL_BUFFER",
    100,
    { min: 1, max: 1_000_000 },
    "Requests on one connection that are not acknowledged yet; beyond that another connection is used.",
  ),
  /** Dynamo 1.2 and later. */
  idleMs: seconds(
    "DYN_TCP_HOST_IDLE_TTL_SECS",
    300_000,
    { min: 0.001, max: 86_400 },
    "How long a connection of a caller may be unused before it is closed.",
  ),
} as const;
