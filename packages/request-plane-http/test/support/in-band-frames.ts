/** What goes over the wire in-band, written by hand, so that tests don't trust our codec. */
import { RESPONSE_KINDS } from "@dynamo/test-world";

export const KINDS = RESPONSE_KINDS;
export const IN_BAND = "application/x-dynamo-inband";
export const STOP = "application/x-dynamo-inband-stop";

export interface BodyFrame {
  readonly kind: number;
  readonly body: string;
}

export function bodyFrame(kind: number, body: string | Buffer = ""): Buffer {
  const bytes = Buffer.from(body as string);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length);
  head[4] = kind;
  return Buffer.concat([head, bytes]);
}
