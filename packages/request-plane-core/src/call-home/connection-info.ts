/**
 * The address to call home, as it stands inside `connection_info.info`.
 *
 * Source: wire-protocol notes, section 5.1; lib/runtime/src/pipeline/network/tcp.rs of ai-dynamo/dynamo.
 */
import { RequestPlaneError } from "../errors.ts";
import type { ConnectionInfo } from "../wire/control-message.ts";

/** The value of `connection_info.transport` that means call-home. */
export const CALL_HOME_TRANSPORT = "tcp_server";

export interface CallHomeInfo {
  /** `host:port` of the caller's listener. */
  readonly address: string;
  /** Names one response at that listener, once. */
  readonly subject: string;
  /** The request's id. */
  readonly context: string;
}

export function encodeCallHomeInfo({ address, subject, context }: CallHomeInfo): ConnectionInfo {
  const info =
    `{"address":${JSON.stringify(address)},"subject":${JSON.stringify(subject)},` +
    `"context":${JSON.stringify(context)},"stream_type":"response"}`;
  return { transport: CALL_HOME_TRANSPORT, info };
}

/** Throws `protocol_error` for what every worker refuses to dial: another stream type or another request's id. */
export function decodeCallHomeInfo(connectionInfo: ConnectionInfo, requestId: string): CallHomeInfo {
  const { address, subject, context, stream_type: streamType } = parse(connectionInfo.info);
  if (typeof address !== "string" || typeof subject !== "string") throw invalid("no address or subject");
  if (streamType !== "response") throw invalid("stream_type is not response");
  if (context !== requestId) throw invalid("context is not the request's id");
  return { address, subject, context };
}

function parse(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch (cause) {
    throw invalid("info is not JSON", cause);
  }
  throw invalid("info is not an object");
}

function invalid(what: string, cause?: unknown): RequestPlaneError {
  return new RequestPlaneError("protocol_error", `Invalid connection_info: ${what}`, { cause });
}
