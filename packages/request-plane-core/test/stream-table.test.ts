import { describe, expect, it } from "vitest";
import { StreamTable } from "../src/stream-table.ts";

describe("a table of streams", () => {
  it("finds each by its number, also those that outlive thousands of others", () => {
    const table = new StreamTable<{ readonly id: number }>();
    const streams = Array.from({ length: 10_000 }, (_, i) => ({ id: i + 1 }));
    const stays = ({ id }: { readonly id: number }): boolean => id % 777 === 0 || id > 9_900;
    for (const stream of streams) {
      table.add(stream);
      expect(table.get(stream.id)).toBe(stream);
      if (!stays(stream)) table.delete(stream);
    }
    const left = streams.filter(stays);
    expect(table.size).toBe(left.length);
    expect(table.all()).toHaveLength(left.length);
    for (const stream of streams) expect(table.get(stream.id)).toBe(stays(stream) ? stream : undefined);
    for (const stream of left) {
      table.delete(stream);
      table.delete(stream);
    }
    expect([table.size, table.all(), table.get(777), table.get(10_000)]).toEqual([
      0,
      [],
      undefined,
      undefined,
    ]);
  });

  it("is empty after clear", () => {
    const table = new StreamTable<{ readonly id: number }>();
    for (let id = 1; id <= 3_000; id += 1) table.add({ id });
    table.clear();
    expect([table.size, table.all(), table.get(1), table.get(3_000)]).toEqual([0, [], undefined, undefined]);
  });
});
