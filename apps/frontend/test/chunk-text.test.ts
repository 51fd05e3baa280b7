import { describe, expect, test } from "vitest";
import { ChunkTexts } from "../src/chat/chunk-text.ts";

const chunk = (content: unknown) =>
  JSON.stringify({ id: "1", choices: [{ index: 0, delta: { content }, finish_reason: null }] });

const [HEAD = "", TAIL = ""] = chunk("|").split("|");
/** What the check does without having seen another chunk before, which is to parse. */
const accepts = (json: string, before: readonly string[] = []) => {
  const chunks = new ChunkTexts();
  for (const text of before) chunks.check(text);
  try {
    chunks.check(json);
    return true;
  } catch {
    return false;
  }
};

const INSIDES = [
  ...["", " token", "é\u2028\u007f💧", '\\"', "\\\\", "\\n\\u00e9\\uD83d", "\\/"],
  ...[
    '"',
    "\\",
    '\\\\"',
    "\n",
    "\u0000",
    "\\x",
    "\\u12g4",
    "\\u123",
    '","a":"b',
    '"}},{"',
    '"]',
    'a","choices":0,"b":"',
  ],
];

describe("the text of a chunk", () => {
  test.each(INSIDES)("with the inside of a text as %j is taken just when parsing takes it", (inside) => {
    const json = HEAD + inside + TAIL;
    const alone = accepts(json);
    const isChunk = ((): boolean => {
      try {
        return Array.isArray((JSON.parse(json) as { choices?: unknown }).choices);
      } catch {
        return false;
      }
    })();
    expect(alone).toBe(isChunk);
    expect(accepts(json, [chunk("a")])).toBe(isChunk);
    expect(accepts(json, [chunk('"\\ "')])).toBe(isChunk);
  });

  test.each([
    "1",
    "[]",
    "null",
    "{}",
    '{"choices":{}}',
    "",
    "{",
    `${chunk("a")},`,
    HEAD,
    TAIL,
    HEAD + TAIL.slice(1),
  ])("is not %j, whatever came before", (json) => {
    expect(accepts(json)).toBe(false);
    expect(accepts(json, [chunk("a")])).toBe(false);
    expect(accepts(json, [chunk(""), chunk("b")])).toBe(false);
  });

  test("may be long", () => {
    const long = "x".repeat(5_000_000);
    expect(accepts(chunk(long), [chunk(long), chunk("b")])).toBe(true);
    expect(accepts(`${HEAD}${long}"${TAIL}`, [chunk("b")])).toBe(false);
  });

  test("may name its content anywhere", () => {
    const nested = '{"x":{"a\\"content":"b","content":"c"},"choices":[{"delta":{"content":"d"}}]}';
    expect(accepts(nested.replace("b", "e"), [nested])).toBe(true);
    expect(accepts(nested.replace("b", 'b"'), [nested])).toBe(false);
    expect(accepts(nested.replace("d", 'd"'), [nested])).toBe(false);
  });
});
