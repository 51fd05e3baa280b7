/**
 * What a worker answers on the NATS plane: nothing for "accepted". Dynamo's workers answer nothing else; ours
 * refuses with the text of the TCP plane and a header that names the code.
 *
 * Dynamo's callers don't read replies. A refusal that another worker might not make has the status of "no
 * responders", which they take for an instance that is gone, and ask another one.
 * Source: wire-protocol notes, section 4.2.
 */
import { headers as createHeaders } from "@nats-io/transport-node";
import type { Msg, MsgHdrs } from "@nats-io/transport-node";
import { refusalCode, refusalText, RequestPlaneError } from "@dynamo/request-plane-core";
import type { ErrorCode } from "@dynamo/request-plane-core";

const CODE_HEADER = "x-dynamo-refusal";
/** In that header: the worker does not answer in-band, and nothing was done. */
const DECLINED = "not_in_band";
const NO_RESPONDERS = 503;
/** The text must fit whatever the server's limit is. */
const MAX_TEXT = 500;

export interface Refusal {
  readonly text: string;
  readonly headers: MsgHdrs;
}

/** Codes a refusal may have. */
const CODES: readonly ErrorCode[] = [
  "overloaded",
  "unavailable",
  "unknown_endpoint",
  "payload_too_large",
  "invalid_argument",
  "protocol_error",
];

const ELSEWHERE: readonly ErrorCode[] = ["overloaded", "unavailable", "unknown_endpoint"];

export function encodeRefusal(error: RequestPlaneError, subject: string): Refusal {
  const code = CODES.includes(error.code) ? error.code : "unavailable";
  const headers = ELSEWHERE.includes(code)
    ? createHeaders(NO_RESPONDERS, "Refused")
    : createHeaders(400, "Refused");
  headers.set(CODE_HEADER, code);
  return { text: refusalText(error, subject).slice(0, MAX_TEXT), headers };
}

export function encodeDecline(): Refusal {
  const headers = createHeaders(400, "Refused");
  headers.set(CODE_HEADER, DECLINED);
  return { text: "This worker does not answer over NATS", headers };
}

export function isDecline({ headers }: Msg): boolean {
  return headers?.get(CODE_HEADER) === DECLINED;
}

/** The refusal, or `undefined` for an acknowledgement. */
export function decodeReply({ data, headers }: Msg, subject: string): RequestPlaneError | undefined {
  const code = CODES.find((known) => known === headers?.get(CODE_HEADER));
  if (data.length === 0 && code === undefined) return statusError(headers?.code ?? 0, subject);
  const text = Buffer.from(data.buffer, data.byteOffset, data.length).toString();
  return new RequestPlaneError(code ?? refusalCode(text), text, {
    remote: true,
    facts: { address: subject },
  });
}

/** What the server itself answers. */
function statusError(status: number, subject: string): RequestPlaneError | undefined {
  if (status < 300) return undefined;
  const facts = { address: subject };
  if (status !== NO_RESPONDERS) {
    return new RequestPlaneError("unavailable", `${subject} answered with status ${status}`, { facts });
  }
  return new RequestPlaneError("unknown_endpoint", `Nobody serves ${subject}: its worker is gone`, { facts });
}
