/**
 * JSON with whole numbers of any size: instance ids are unsigned 64-bit and stand in JSON as bare numbers.
 */

/** In V8 since Node 22, not in TypeScript's library yet. */
interface JsonWithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): object;
}

const json = JSON as unknown as JsonWithSource;

/** The value as text on one line; bigints are written in full. */
export function encodeJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    // Bigints are seldom, and looking for them makes writing several times slower.
    if (!(error instanceof TypeError)) throw error;
    return JSON.stringify(value, (_key, field: unknown) =>
      typeof field === "bigint" ? json.rawJSON(field.toString()) : field,
    );
  }
}

/** The value of the text, with whole numbers beyond 2^53 as bigints. Several times slower than `JSON.parse`. */
export function parseExactJson(text: string): unknown {
  return json.parse(text, (_key, value, { source = "" }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source)
      ? BigInt(source)
      : value,
  );
}
