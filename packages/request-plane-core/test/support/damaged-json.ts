/** Damaged JSON, made from good one by fast-check. */
import { damaged } from "@dynamo/test-support";
import fc from "fast-check";

/** Texts: the good JSON with a value of another shape somewhere, or with damaged bytes. */
export function damagedJson(good: readonly string[]): fc.Arbitrary<string> {
  const reshaped = fc
    .tuple(fc.constantFrom(...good), fc.nat(31), oddValue)
    .map(([json, at, value]) => reshape(json, at, value));
  return fc.oneof(
    reshaped,
    damaged(good.map((json) => Buffer.from(json))).map((bytes) => bytes.toString()),
  );
}

/** Values that a peer's JSON can hold and nobody expects, some of which don't even become text. */
export const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1e308,
    "",
    "error",
    "__proto__",
    [],
    {},
    [null],
    [[]],
    undefined,
  ),
  fc.constantFrom<unknown>({ toString: 1, valueOf: 1 }, [{ toString: null }], { then: 1 }, { length: -1 }),
  fc.constantFrom<unknown>({ Backend: {} }, { Backend: ["Unknown"] }, { message: { message: [] } }),
  fc.jsonValue({ maxDepth: 3 }),
);

/** The `at`-th value of a JSON text, counted over all depths, is replaced; `undefined` takes it away. */
function reshape(json: string, at: number, value: unknown): string {
  let seen = 0;
  const values = (JSON.stringify(JSON.parse(json)).match(/[{[,:]/g) ?? []).length;
  const text = JSON.stringify(JSON.parse(json), (_key, old: unknown) =>
    seen++ === at % values ? value : old,
  );
  return text ?? "";
}
