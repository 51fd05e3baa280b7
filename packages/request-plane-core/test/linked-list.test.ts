import { describe, expect, it } from "vitest";
import { LinkedList } from "../src/linked-list.ts";

describe("a linked list", () => {
  it("keeps the order in which members came, whoever leaves", () => {
    const list = new LinkedList<number>();
    const links = Array.from({ length: 10 }, (_, i) => list.add(i));
    for (const i of [0, 5, 9, 5]) list.remove(links[i]!);
    list.add(10);
    expect([...list]).toEqual([1, 2, 3, 4, 6, 7, 8, 10]);
    expect(list.size).toBe(8);
    expect(list.first?.value).toBe(1);
  });

  it("holds nothing through a link that was left", () => {
    const list = new LinkedList<object>();
    const link = list.add({});
    list.add({});
    list.remove(link);
    expect([link.value, link.next, link.previous]).toEqual([undefined, undefined, undefined]);
  });

  it("can lose members while it is gone through", () => {
    const list = new LinkedList<number>();
    const links = [1, 2, 3].map((value) => list.add(value));
    const seen: number[] = [];
    for (const value of list) {
      seen.push(value);
      for (const link of links) list.remove(link);
    }
    expect(seen).toEqual([1, 2, 3]);
    expect(list.size).toBe(0);
    list.clear();
    expect([...list, list.first]).toEqual([undefined]);
  });
});
