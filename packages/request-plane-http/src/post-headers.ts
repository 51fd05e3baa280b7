import { validateHeaderName, validateHeaderValue } from "node:http";
import { memoized, RequestPlaneError } from "@dynamo/request-plane-core";
import type { Headers } from "@dynamo/request-plane-core";
import type { HttpAddress } from "./address.ts";

/** What belongs to the exchange and can't be the caller's. */
const OWN_HEADERS =
  /^(:.*|connection|content-length|content-type|expect|host|keep-alive|proxy-connection|te|transfer-encoding|upgrade)$/i;

/**
 * The headers of a POST, names and values in turn, and none for node:http2 to add: that is the least work for it. Throws
 * `invalid_argument` for headers that HTTP can't carry.
 */
export function headersOf(
  { authority, path }: HttpAddress,
  contentType: string,
  headers: Headers,
  bodyBytes: number,
): string[] {
  // In one piece: an array that grows costs more than all that is in it.
  const all = [
    ":method",
    "POST",
    ":scheme",
    "http",
    ":authority",
    authority,
    ":path",
    path,
    "content-type",
    contentType,
    "content-length",
    String(bodyBytes),
  ];
  addChecked(all, headers);
  return all;
}

/** node:http2 sends what it is given, and the other side leaves out what isn't allowed. */
function addChecked(all: string[], headers: Headers): void {
  try {
    for (const [name, value] of Object.entries(headers)) {
      if (!mayCarry(name)) continue;
      validateHeaderValue(name, value);
      all.push(name, value);
    }
  } catch (cause) {
    const message = "The request has headers that HTTP can't carry";
    throw new RequestPlaneError("invalid_argument", message, { cause });
  }
}

/** Whether a header is the caller's to send. Kept, since the same few names come with each request. */
const mayCarry = memoized((name) => {
  if (OWN_HEADERS.test(name)) return false;
  validateHeaderName(name);
  return true;
}, 1_000);
