import { describe, expect, test } from "vitest";
import { emptyJoined, join } from "../src/chat/merge.ts";

function joined(...fragments: object[]): unknown {
  const target = emptyJoined();
  for (const fragment of fragments) join(target, fragment as Record<string, unknown>);
  // Through JSON, because that is how it reaches a client, and because toEqual minds prototypes.
  return JSON.parse(JSON.stringify(target));
}

describe("joining fragments", () => {
  test("appends text", () => {
    expect(joined({ content: "a" }, { content: "b" }, { content: "" })).toEqual({ content: "ab" });
  });

  test("null says nothing", () => {
    expect(joined({ content: "a", refusal: null }, { content: null })).toEqual({ content: "a" });
  });

  test("text that comes whole is not appended, whether repeated or empty afterwards", () => {
    const first = { role: "assistant", name: "f", id: "call_1" };
    expect(joined(first, { role: "assistant", name: "", id: "call_1" })).toEqual(first);
  });

  test("entries with an index are joined in whatever order they come", () => {
    const call = (index: number, text: string) => ({ calls: [{ index, function: { arguments: text } }] });
    expect(joined(call(0, "a"), call(1, "x"), call(0, "b"), call(1, "y"))).toEqual({
      calls: [
        { index: 0, function: { arguments: "ab" } },
        { index: 1, function: { arguments: "xy" } },
      ],
    });
  });

  test("entries without an index are appended", () => {
    expect(joined({ content: [{ token: "a" }] }, { content: [{ token: "b" }, 3] })).toEqual({
      content: [{ token: "a" }, { token: "b" }, 3],
    });
  });

  test("the fragments themselves stay as they are", () => {
    const first = { audio: { data: "a" }, list: [{ index: 0, x: "1" }] };
    joined(first, { audio: { data: "b" }, list: [{ index: 0, x: "2" }] });
    expect(first).toEqual({ audio: { data: "a" }, list: [{ index: 0, x: "1" }] });
  });

  test("a field named __proto__ pollutes nothing", () => {
    const evil = JSON.parse(
      '{"__proto__":{"polluted":"a"},"constructor":{"prototype":{"polluted":"a"}}}',
    ) as object;
    const again = JSON.parse(
      '{"__proto__":{"polluted":"b"},"constructor":{"prototype":{"polluted":"b"}}}',
    ) as object;
    const result = joined(evil, again) as { constructor: unknown };
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
    expect(result.constructor).toEqual({ prototype: { polluted: "ab" } });
  });
});
