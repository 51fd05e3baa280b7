import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/random.ts";
import { replyTokens, tokenise } from "../../src/text/replies.ts";

const settings = { reply: "words", replyText: "All is well.", tokens: 50 } as const;

describe("tokenise", () => {
  it.each(["", " ", "one", "  two  words \n", "a\tb", "naïve 日本語 🙂🙂", "x".repeat(100)])(
    "loses nothing of %j",
    (text) => {
      expect(tokenise(text).join("")).toBe(text);
    },
  );

  it("gives a word with the space before it", () => {
    expect(tokenise("Hello big world")).toEqual(["Hello", " big", " world"]);
  });

  it("cuts long words between characters, never inside one", () => {
    expect(tokenise("🙂".repeat(20))).toEqual(["🙂".repeat(16), "🙂".repeat(4)]);
  });
});

describe("replyTokens", () => {
  it("echoes the question", () => {
    expect(replyTokens({ ...settings, reply: "echo" }, "Say this", Math.random)).toEqual(["Say", " this"]);
  });

  it("says the fixed text", () => {
    expect(replyTokens({ ...settings, reply: "fixed" }, "Hello?", Math.random).join("")).toBe("All is well.");
  });

  it("makes up as many words as asked, the same for the same seed and question", () => {
    const words = (seed: number, question: string) =>
      replyTokens(settings, question, seededRandom(seed, question));
    expect(words(1, "a")).toHaveLength(50);
    expect(words(1, "a")).toEqual(words(1, "a"));
    expect(words(1, "a")).not.toEqual(words(2, "a"));
    expect(words(1, "a")).not.toEqual(words(1, "b"));
  });
});
