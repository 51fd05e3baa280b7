import fc from "fast-check";
import { expect, test } from "vitest";
import { StopTexts } from "../src/stop-texts.ts";

/** What the texts come to when they arrive in these parts. */
function run(parts: readonly string[], stops: readonly string[]): { shown: string[]; stop?: string } {
  const texts = new StopTexts(stops);
  const shown: string[] = [];
  for (const part of parts) {
    const result = texts.push(part, true);
    if (typeof result === "string") shown.push(result);
    else return { shown: [...shown, result.text], stop: result.stop };
  }
  return { shown: [...shown, texts.end()] };
}

/** The first end of a stop text decides; of those that end there, the one that began first. */
function expected(text: string, stops: readonly string[]): { text: string; stop?: string } {
  for (let end = 1; end <= text.length; end++) {
    const ended = stops.filter((stop) => stop !== "" && text.slice(0, end).endsWith(stop));
    const stop = ended.toSorted((a, b) => b.length - a.length)[0];
    if (stop !== undefined) return { text: text.slice(0, end - stop.length), stop };
  }
  return { text };
}

test("stop texts are found wherever the text is split, as if it came one character at a time", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 4 });
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 12 }), fc.array(letters, { maxLength: 3 }), (parts, stops) => {
      const { shown, stop } = run(parts, stops);
      const wanted = expected(parts.join(""), stops);
      expect({ text: shown.join(""), stop }).toEqual({ text: wanted.text, stop: wanted.stop });
    }),
    { numRuns: 5000 },
  );
});

test("text is held back only while it may be a stop text", () => {
  const texts = new StopTexts(["STOP"]);
  expect(texts.push("a S", true)).toBe("a ");
  expect(texts.push("T", true)).toBe("");
  expect(texts.push("x", true)).toBe("STx");
  expect(texts.push("STO", true)).toBe("");
  expect(texts.end()).toBe("STO");
});

test("stop texts pass while they may not stop, and their ends count for nothing", () => {
  const texts = new StopTexts(["abab"]);
  expect(texts.push("abab", false)).toBe("abab");
  expect(texts.push("ab", true)).toBe("");
  expect(texts.push("ab", true)).toEqual({ text: "", stop: "abab" });
});
