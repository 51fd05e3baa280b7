import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { byteLevel, withByteFallback } from "./support/tokenizers.ts";
import type { Vocabulary } from "./support/tokenizers.ts";

const VOCABULARIES: readonly [string, () => Vocabulary | Promise<Vocabulary>][] = [
  ["byte-level", byteLevel],
  ["with byte fallback", withByteFallback],
];

describe.each(VOCABULARIES)("a vocabulary that is %s", (_name, make) => {
  test("gives the same text token by token as all at once", async () => {
    const { size, tokenizer, decoders } = await make();
    // Ids that aren't in the vocabulary among them.
    const ids = fc.array(fc.oneof(fc.nat(size + 3), fc.nat(300)), { maxLength: 40 });
    fc.assert(
      fc.property(ids, fc.boolean(), (tokens, skipSpecialTokens) => {
        const decoder = decoders.decoder(skipSpecialTokens);
        const text = tokens.map((id) => decoder.push(id)).join("") + decoder.end();
        expect(text).toBe(tokenizer.decode(tokens, skipSpecialTokens));
      }),
      { numRuns: 2000 },
    );
  });

  test("never splits a character", async () => {
    const { tokenizer, decoders } = await make();
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 20 }), (text) => {
        const tokens = tokenizer.encode(text, false);
        const decoder = decoders.decoder(false);
        const parts = tokens.map((id) => decoder.push(id));
        for (const part of parts) {
          expect(part.isWellFormed()).toBe(true);
          if (!text.includes("\u{fffd}")) expect(part).not.toContain("\u{fffd}");
        }
        expect(parts.join("") + decoder.end()).toBe(tokenizer.decode(tokens, false));
      }),
      { numRuns: 1000 },
    );
  });
});

test("bytes that never become a character are shown as U+FFFD, and hold nothing up for long", () => {
  const { decoders } = withByteFallback();
  const decoder = decoders.decoder(false);
  const broken = 3 + 0xff;
  const parts = Array.from({ length: 100 }, () => decoder.push(broken));
  expect(parts.join("").length).toBeGreaterThan(90);
});

test("tokens have texts and bytes of their own", async () => {
  const { decoders } = await byteLevel();
  expect(decoders.textOf(97)).toBe("a");
  expect(decoders.textOf(0xc3)).toBe("\u{fffd}");
  expect([...decoders.bytesOf(0xc3)]).toEqual([0xc3]);
  expect(decoders.textOf(257)).toBe("</s>");
  expect(decoders.textOf(5000)).toBe("");
});
