/**
 * Whether a value as of JSON has more characters in its texts than a limit, each value counting as one more: many small
 * messages are as much work as a long one. It stops at the limit, and depth doesn't matter.
 */
export function isLong(value: unknown, limit: number): boolean {
  const left: unknown[] = [value];
  let size = 0;
  while (left.length > 0 && size <= limit) {
    const next = left.pop();
    size += typeof next === "string" ? next.length + 1 : 1;
    if (typeof next !== "object" || next === null) continue;
    // What can't be seen any more needs no place in the list.
    for (const inner of Object.values(next)) if (left.length <= limit) left.push(inner);
  }
  return size + left.length > limit;
}
