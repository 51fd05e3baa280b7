/**
 * Decodes the items that are here already with one call of `JSON.parse`: a good part of what a short item costs is by
 * the call.
 */
import { itemEnd, itemStart, isPlainItem } from "./frame-codec.ts";
import { decodeJson } from "./payload-codec.ts";
import type { Frame, ResponseBuffer } from "./response-buffer.ts";

/** More text is not decoded at once, since the reader may leave before it has come so far. Within Node's buffer pool. */
const MOST_BYTES = 4_000;

/**
 * Decodes the item of `first`, which was taken from the buffer, and those right behind it, which are taken then. None
 * when nothing is behind it, `undefined` when they can only be decoded one by one: one of them is no JSON.
 */
export function decodeAhead(first: Frame, buffer: ResponseBuffer): readonly unknown[] | undefined {
  const frames = plainItems(first, buffer);
  if (frames.length < 2) return [];
  const items = parseTogether(frames);
  // Two texts that are no JSON can make one together.
  if (items?.length !== frames.length) return undefined;
  for (let taken = 1; taken < frames.length; taken += 1) buffer.take();
  return items;
}

/** Frames with nothing but an item, as many as may be decoded at once. */
function plainItems(first: Frame, buffer: ResponseBuffer): Frame[] {
  const frames: Frame[] = [];
  let bytes = 0;
  for (let frame: Frame | undefined = first; frame; frame = buffer.peek(frames.length - 1)) {
    bytes += frame.end - frame.start;
    if (bytes > MOST_BYTES || !isPlainItem(frame)) break;
    frames.push(frame);
  }
  return frames;
}

function parseTogether(frames: readonly Frame[]): unknown[] | undefined {
  try {
    return decodeJson(textOf(frames)) as unknown[];
  } catch {
    return undefined;
  }
}

/** The text of an array of the frames' items. */
function textOf(frames: readonly Frame[]): string {
  const text = Buffer.allocUnsafe(MOST_BYTES + frames.length + 1);
  let used = 0;
  for (const frame of frames) {
    text[used] = used === 0 ? BRACKET : COMMA;
    used += 1 + frame.bytes.copy(text, used + 1, itemStart(frame), itemEnd(frame));
  }
  text[used] = BRACKET_END;
  return text.toString("utf8", 0, used + 1);
}

const COMMA = 0x2c;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;
