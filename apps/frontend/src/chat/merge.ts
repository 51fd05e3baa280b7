/**
 * Joins the fragments of a streamed message. The rules are by shape and not by field, so that fields of
 * tomorrow are joined as those of today: text is appended, objects are joined field by field, lists are
 * appended, and list entries that carry an `index` are joined with their earlier fragments.
 */
import { isFields } from "./chunk.ts";
import type { Fields } from "./chunk.ts";

/** Has no prototype, so a field named `__proto__` is a field like any other. */
export type Joined = Record<string, unknown>;

/** Text that comes whole. Some workers repeat it in each fragment, others send it empty after the first. */
const WHOLE: ReadonlySet<string> = new Set(["id", "type", "role", "name", "finish_reason", "stop_reason"]);

export function emptyJoined(): Joined {
  return Object.create(null) as Joined;
}

/** Joins one fragment into `target`. `null` says nothing and changes nothing. */
export function join(target: Joined, fragment: Fields): void {
  for (const [key, value] of Object.entries(fragment)) {
    if (value === null || value === undefined) continue;
    target[key] = joinValue(key, target[key], value);
  }
}

function joinValue(key: string, before: unknown, value: unknown): unknown {
  if (typeof value === "string") return joinText(key, before, value);
  if (Array.isArray(value)) return joinLists(Array.isArray(before) ? (before as unknown[]) : [], value);
  if (!isFields(value)) return value;
  const joined = isFields(before) ? (before as Joined) : emptyJoined();
  join(joined, value);
  return joined;
}

function joinText(key: string, before: unknown, value: string): string {
  if (typeof before !== "string") return value;
  if (!WHOLE.has(key)) return before + value;
  return value === "" ? before : value;
}

function joinLists(before: unknown[], entries: readonly unknown[]): unknown[] {
  for (const entry of entries) {
    const earlier = isFields(entry) && entry["index"] !== undefined && findIndexed(before, entry["index"]);
    if (earlier) join(earlier, entry);
    else before.push(joinValue("", undefined, entry));
  }
  return before;
}

function findIndexed(list: readonly unknown[], index: unknown): Joined | undefined {
  const last = list.at(-1);
  if (isFields(last) && last["index"] === index) return last;
  return list.find((entry): entry is Joined => isFields(entry) && entry["index"] === index);
}
