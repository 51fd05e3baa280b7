/** What goes over the wire in-band, written by hand, so that tests don't trust our codec. */
import { RESPONSE_KINDS } from "@dynamo/test-world";

export const KINDS = { ...RESPONSE_KINDS, ITEMS: 23 } as const;
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

/** Several items, each JSON text, in one frame. */
export function itemsFrame(texts: readonly string[], count: number = texts.length): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(count);
  return bodyFrame(KINDS.ITEMS, Buffer.concat([head, Buffer.from(`[${texts.join(",\n")}]`)]));
}

/** The texts in the body of such a frame, which must be as many as it says. */
export function textsIn(body: Buffer): string[] {
  const texts = body.toString("utf8", 5, body.length - 1).split(",\n");
  if (texts.length !== body.readUInt32BE() || body[4] !== 0x5b || body.at(-1) !== 0x5d)
    throw new Error(`No items: ${body.toString("latin1")}`);
  return texts;
}
