/**
 * JSON that keeps whole numbers whole. Instance ids are unsigned 64-bit and stand in records as bare numbers,
 * beyond what a JavaScript number holds.
 */

/** What TypeScript's library doesn't describe yet: the source text of a number, and text written as it is. */
interface JsonWithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): object;
}

const json = JSON as unknown as JsonWithSource;
const WHOLE_NUMBER = /^-?\d+$/;

/** Whole numbers beyond 2^53 become `bigint`, all others stay `number`. Throws `SyntaxError`. */
export function parseJson(text: string): unknown {
  return json.parse(text, (_key, value, { source = "" }) => {
    if (value === Infinity || value === -Infinity) {
      throw new SyntaxError(`Number out of range: ${source.slice(0, 32)}`);
    }
    return wholeNumber(value, source);
  });
}

/** The same, but what is out of range becomes infinite, as it does for `JSON.parse`. */
export function parseAnyJson(text: string): unknown {
  return json.parse(text, (_key, value, { source = "" }) => wholeNumber(value, source));
}

function wholeNumber(value: unknown, source: string): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  return WHOLE_NUMBER.test(source) ? BigInt(source) : value;
}

/** The reverse of `parseJson`, without spaces. Throws `TypeError` for what JSON can't say. */
export function stringifyJson(value: unknown): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key: string, converted: unknown) {
    // Applications like to give BigInt.prototype a toJSON that makes strings, so look at the value itself.
    const original = this[key];
    if (typeof original === "bigint") return json.rawJSON(original.toString());
    if (typeof original === "number") return writeNumber(original);
    return converted;
  });
}

function writeNumber(value: number): unknown {
  if (!Number.isFinite(value)) throw new TypeError(`${value} can't be written as JSON`);
  // 1e20 written as twenty-one digits would be read back as a bigint.
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return json.rawJSON(value.toExponential());
  return value;
}
