/**
 * A function that keeps what it gave for the texts it was asked for, such as addresses: of up to `limit` of them, then
 * it begins anew. What it throws is not kept.
 */
export function memoized<Value>(compute: (text: string) => Value, limit = 10_000): (text: string) => Value {
  const known = new Map<string, { readonly value: Value }>();
  return (text) => {
    const found = known.get(text);
    if (found) return found.value;
    const value = compute(text);
    if (known.size >= limit) known.clear();
    known.set(text, { value });
    return value;
  };
}
