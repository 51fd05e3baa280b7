/**
 * Requests that name their worker, as an outer router does that has chosen one already.
 *
 * Source: routing headers and `nvext` of Dynamo, 1.4 and later.
 */
import type { IncomingHttpHeaders } from "node:http";
import { decodeJson } from "@dynamo/request-plane-core";
import type { InstanceId } from "@dynamo/request-plane-core";
import { isFields } from "./chat/chunk.ts";
import { HttpError } from "./errors.ts";
import type { JsonBody } from "./json-body.ts";

export const PIN_HEADER = "x-dynamo-worker-instance-id";
const PIN_FIELD = "nvext.backend_instance_id";
const MAX_ID = 2n ** 64n - 1n;

/** The worker that the request names, the header before the body; `undefined` when it names none. */
export function pinOf(headers: IncomingHttpHeaders, body: JsonBody): InstanceId | undefined {
  const header = headers[PIN_HEADER];
  if (header !== undefined) return parsePin(String(header), PIN_HEADER);
  const field = pinField(body.value);
  if (field === undefined || field === null) return undefined;
  // Ids are mostly above 2^53, which plain parsing rounds.
  const exact = Number.isSafeInteger(field) ? field : pinField(decodeJson(body.bytes.toString()));
  return parsePin(String(exact), PIN_FIELD);
}

function pinField(value: unknown): unknown {
  const nvext = isFields(value) ? value["nvext"] : undefined;
  return isFields(nvext) ? nvext["backend_instance_id"] : undefined;
}

/** Decimal, or hexadecimal with `0x`: a bare `10` would be ambiguous. */
function parsePin(text: string, param: string): InstanceId {
  const id = /^(\d+|0x[\da-f]+)$/i.test(text.trim()) ? BigInt(text.trim()) : undefined;
  if (id !== undefined && id <= MAX_ID) return id;
  throw new HttpError(
    400,
    `Validation: ${param} must be an unsigned 64-bit instance id, decimal or hexadecimal with 0x, got '${text}'`,
    { param },
  );
}

export function missingPin(): HttpError {
  return new HttpError(
    400,
    `Validation: in router mode 'direct' a request names its worker in the header ${PIN_HEADER} or in ${PIN_FIELD}`,
    { param: PIN_HEADER },
  );
}
