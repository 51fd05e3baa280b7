/**
 * Frames that hold several items in JSON: a good part of what a short item costs is by the frame and by the call of
 * `JSON.parse`. Described in docs/in-band.md.
 *
 *     u32 number of items | [item,\nitem,\n...]
 *
 * The line feed tells where an item ends without parsing it: there is none inside of an item.
 */
import { RequestPlaneError } from "./errors.ts";
import { decodeJson } from "./payload-codec.ts";
import type { Frame } from "./response-buffer.ts";

/** What the body begins with. */
export const ITEMS_HEAD_BYTES = 4;
/** What stands between two items. */
const ITEMS_DIVIDER = ",\n";

/** Where a frame's items are: `start` to `end` of `bytes` is its body. */
type Place = Pick<Frame, "bytes" | "start" | "end">;

/** The items, or `undefined` when they are not as many JSON values as the frame says. */
export function decodeItems(place: Place): unknown[] | undefined {
  const { bytes, start, end } = place;
  try {
    const items = decodeJson(bytes.toString("utf8", start + ITEMS_HEAD_BYTES, end));
    return Array.isArray(items) && items.length > 0 && isListOf(items.length, place) ? items : undefined;
  } catch {
    return undefined;
  }
}

/** The JSON text of each item, which is not known to be JSON. Throws `protocol_error`. */
export function textsOfItems(place: Place): string[] {
  const { bytes, start, end } = place;
  const texts = bytes.toString("utf8", start + TEXT_START, end - 1).split(ITEMS_DIVIDER);
  if (!isListOf(texts.length, place)) throw noList();
  return texts;
}

/** The items as frames with one of them each. Throws `protocol_error`. */
export function framesOfItems(place: Place): Frame[] {
  const { bytes, start, end } = place;
  const frames: Frame[] = [];
  const last = end - 1;
  for (let at = start + TEXT_START; at <= last;) {
    const divider = bytes.indexOf(ITEMS_DIVIDER, at, "latin1");
    const itemEnd = divider < 0 || divider > last ? last : divider;
    frames.push({ bytes, start: at, end: itemEnd, form: "item" });
    at = itemEnd + ITEMS_DIVIDER.length;
  }
  if (!isListOf(frames.length, place)) throw noList();
  return frames;
}

/** Where the first item begins. */
const TEXT_START = ITEMS_HEAD_BYTES + 1;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;

function isListOf(items: number, { bytes, start, end }: Place): boolean {
  const hasBrackets = bytes[start + ITEMS_HEAD_BYTES] === BRACKET && bytes[end - 1] === BRACKET_END;
  return end - start > TEXT_START && hasBrackets && items === bytes.readUInt32BE(start);
}

function noList(): RequestPlaneError {
  return new RequestPlaneError("protocol_error", "A frame doesn't hold as many items as it says");
}
