/** The body of a REQUEST frame: `u32 credit | u16 path length | path | u16 headers length | headers | envelope`. */
import { MAX_CREDIT, RequestPlaneError, TWO_PART_PREFIX_BYTES } from "@dynamo/request-plane-core";
import type { Headers, InBandRequest } from "@dynamo/request-plane-core";
import { decodeHeaders } from "../request-frame.ts";

/** Credit and the two lengths, and the prefix of the envelope. */
export const FIXED_BYTES: number = 8 + TWO_PART_PREFIX_BYTES;

/** How long the body of a request is. */
export function requestBodyBytes(path: Buffer, headers: string, { control, payload }: InBandRequest): number {
  return FIXED_BYTES + path.length + lengthOf(headers) + lengthOf(control) + lengthOf(payload);
}

function lengthOf(part: string | Uint8Array): number {
  return typeof part === "string" ? Buffer.byteLength(part) : part.length;
}

export interface RequestBody {
  readonly credit: number;
  readonly path: string;
  readonly headers: Headers;
  /** The bytes of the frame, not a copy. */
  readonly envelope: Buffer;
}

/** Throws `protocol_error` when a field ends behind the frame. */
export function decodeRequestBody(bytes: Buffer, start: number, end: number): RequestBody {
  const pathStart = start + 6;
  const pathEnd = pathStart <= end ? pathStart + bytes.readUInt16BE(start + 4) : Infinity;
  const headersStart = pathEnd + 2;
  const headersEnd = headersStart <= end ? headersStart + bytes.readUInt16BE(pathEnd) : Infinity;
  if (headersEnd > end) throw malformed("its fields are longer than it is");
  const credit = bytes.readUInt32BE(start);
  if (credit > MAX_CREDIT) throw malformed("impossible credit");
  return {
    credit,
    path: bytes.toString("utf8", pathStart, pathEnd),
    headers:
      headersStart === headersEnd ? NONE : decodeHeaders(bytes.toString("utf8", headersStart, headersEnd)),
    envelope: bytes.subarray(headersEnd, end),
  };
}

const NONE: Headers = Object.freeze({});

function malformed(what: string): RequestPlaneError {
  return new RequestPlaneError("protocol_error", `Malformed request frame: ${what}`);
}
