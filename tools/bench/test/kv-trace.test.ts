import { describe, expect, test } from "vitest";
import { cachedShare, sectionIn, sectionOf, tableOf, withSection } from "../src/kv-trace/section.ts";
import { makeTrace } from "../src/kv-trace/trace.ts";

const options = {
  seed: 1,
  systemPrompts: 5,
  systemWords: 20,
  chats: 100,
  turns: [2, 4],
  userWords: 3,
  pauseMs: 100,
} as const;

describe("a trace", () => {
  test("is the same for the same seed, and another one for another", () => {
    expect(makeTrace(options)).toEqual(makeTrace(options));
    expect(makeTrace({ ...options, seed: 2 })).not.toEqual(makeTrace(options));
  });

  test("has chats of several turns behind a few system prompts", () => {
    const trace = makeTrace(options);
    expect(trace).toHaveLength(100);
    expect(new Set(trace.map(({ system }) => system)).size).toBe(5);
    expect(new Set(trace.map(({ turns }) => turns.length))).toEqual(new Set([2, 3, 4]));
    for (const { said, pauseMs } of trace.flatMap(({ turns }) => turns)) {
      expect(said.split(" ")).toHaveLength(3);
      expect(pauseMs).toBeLessThan(200);
    }
  });
});

describe("its section of the page", () => {
  const turn = { firstTokenMs: 5, promptTokens: 100, cachedTokens: 20 };
  const measured = [
    { routing: "round-robin", turns: [turn, turn], seconds: 1 },
    { routing: "kv", turns: [turn, { ...turn, cachedTokens: 100 }], seconds: 1 },
  ];

  test("compares shares of cached tokens", () => {
    expect(measured.map(({ turns }) => cachedShare(turns))).toEqual([0.2, 0.6]);
    const [, , first, second] = tableOf(measured).split("\n");
    expect(first).toMatch(/round-robin +\| +2 \| +20\.0 % \| +1\.00 \|/);
    expect(second).toMatch(/kv +\| +2 \| +60\.0 % \| +3\.00 \|/);
  });

  test("is put at the end, replaced by a newer one, and kept by the other bench", () => {
    const section = sectionOf("About.", measured);
    const page = withSection("# Page\n", section);
    expect(page).toBe(`# Page\n\n${section}\n`);
    expect(sectionIn(page)).toBe(section);
    const newer = sectionOf("Other.", measured);
    expect(withSection(page, newer)).toBe(`# Page\n\n${newer}\n`);
    expect(withSection("# Anew\n", sectionIn("# Page"))).toBe("# Anew\n");
  });
});
