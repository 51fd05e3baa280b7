import { responseMode } from "./response-mode.ts";
import { seconds, port, text, wholeNumber } from "./settings.ts";

const ANY_WAIT = { min: 0, max: 86_400 } as const;

/** The variables that core reads. Names without a release are Dynamo's own in every release. */
export const CORE_SETTINGS = {
  /** Newer Dynamo takes `tcp` here for call-home. Source: wire-protocol notes, section 8. */
  responseMode: responseMode(
    "DYN_RESPONSE_PLANE",
    "auto",
    "Which way responses come back: `callhome` is Dynamo's own, on a connection that the worker opens; `inband` is " +
      "the connection of the request; `auto` takes `inband` where caller and worker can, else `callhome`.",
  ),
  /** Dynamo 1.1 and later; there it is an IP address or, up to 1.5, the name of an interface. */
  callHomeHost: text(
    "DYN_TCP_RESPONSE_STREAM_HOST",
    "Address on which callers listen for responses. Default: the first address that is not loopback.",
  ),
  callHomeAdvertiseHost: text(
    "DYN_TCP_RESPONSE_STREAM_ADVERTISE_HOST",
    "Host that workers are told to call home to, when it differs from the address listened on.",
  ),
  callHomePort: port(
    "DYN_TCP_RESPONSE_STREAM_PORT",
    0,
    "Port on which callers listen for responses; 0 lets the system pick one.",
  ),
  maxResponseMessageBytes: wholeNumber(
    "DYN_TCP_MAX_MESSAGE_SIZE",
    32 * 1024 * 1024,
    { min: 1024, max: 2 ** 32 - 1 },
    "Largest message in bytes: a request on the TCP plane, and one frame of a response on every plane.",
  ),
  responseBufferBytes: wholeNumber(
    "DYN_RESPONSE_BUFFER_BYTES",
    256 * 1024,
    { min: 1024, max: 2 ** 30 },
    "Bytes of one response that may wait for their reader before its connection is not read any more.",
  ),
  responseStallMs: seconds(
    "DYN_RESPONSE_STALL_TIMEOUT_SECS",
    600_000,
    ANY_WAIT,
    "How long a caller may leave a response unread before its worker gives it up; 0 waits for ever.",
  ),
  engineRequestLimit: wholeNumber(
    "DYN_ENGINE_REQUEST_LIMIT",
    10_000,
    { min: 1, max: 1_000_000 },
    "Requests that one served endpoint runs at the same time; more are refused as overloaded.",
  ),
  establishMs: seconds(
    "DYN_RESPONSE_ESTABLISH_TIMEOUT_SECS",
    30_000,
    ANY_WAIT,
    "From the acknowledgement of a request to the beginning of its response; 0 waits for ever.",
  ),
  firstItemMs: seconds(
    "DYN_RESPONSE_FIRST_ITEM_TIMEOUT_SECS",
    300_000,
    ANY_WAIT,
    "From the beginning of a response to its first item; 0 waits for ever.",
  ),
  betweenItemsMs: seconds(
    "DYN_HTTP_BACKEND_STREAM_TIMEOUT_SECS",
    60_000,
    ANY_WAIT,
    "From one item of a response to the next; 0 waits for ever.",
  ),
  totalMs: seconds(
    "DYN_RESPONSE_TOTAL_TIMEOUT_SECS",
    0,
    ANY_WAIT,
    "From a call to the end of its response; 0 waits for ever.",
  ),
} as const;
