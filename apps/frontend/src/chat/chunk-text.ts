/**
 * Chunks as the JSON text that the worker wrote. It goes to the client as it is, so it has to be known to be a chunk.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { asChunk } from "./chunk.ts";

/** Longer texts are parsed: regular expressions run out of stack on very long ones. */
const SHORT = 4096;
const CONTENT = '"content":"';
/** The rest of a string, with its end. */
const REST_OF_STRING = /(?:[^"\\]|\\.)*/y;
/** What may stand in a string. */
// eslint-disable-next-line no-control-regex -- JSON allows no control characters in strings
const STRING_BODY = /^(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*$/;

/**
 * Knows chunks of one response without parsing each of them: most differ from the one before in the text of
 * `content` alone. One that begins and ends as a chunk that was parsed, and has nothing but the inside of a string
 * between, is a chunk as well.
 */
export class ChunkTexts {
  /** What the last chunk that was parsed had before and after the text of `content`. */
  #head: string | undefined;
  #tail = "";

  /** Throws `protocol_error` when the text isn't a chunk. */
  check(json: string): void {
    if (this.#isLikeLast(json)) return;
    asChunk(parse(json));
    if (json.length <= SHORT) this.#remember(json);
  }

  #isLikeLast(json: string): boolean {
    const head = this.#head;
    const tail = this.#tail;
    return (
      head !== undefined &&
      json.length <= SHORT &&
      json.length >= head.length + tail.length &&
      json.startsWith(head) &&
      json.endsWith(tail) &&
      STRING_BODY.test(json.slice(head.length, json.length - tail.length))
    );
  }

  /** In JSON, `CONTENT` can be nothing but the end of a key and the beginning of its text. */
  #remember(json: string): void {
    const start = json.indexOf(CONTENT) + CONTENT.length;
    if (start < CONTENT.length) return;
    REST_OF_STRING.lastIndex = start;
    REST_OF_STRING.test(json);
    this.#head = json.slice(0, start);
    this.#tail = json.slice(REST_OF_STRING.lastIndex);
  }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new RequestPlaneError("protocol_error", "The worker sent an item that is not JSON", { cause });
  }
}
