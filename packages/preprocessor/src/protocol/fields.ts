/** Checks of decoded messages, as small functions that say what is wrong and where. */

export type Fields = Readonly<Record<string, unknown>>;

/** What is wrong with the value, in words that begin with `where`; `undefined` when it is right. */
export type Check = (value: unknown, where: string) => string | undefined;

const MAX_U32 = 0xffff_ffff;

export const anything: Check = () => undefined;

export const text = check((value) => typeof value === "string", "a text");
export const flag = check((value) => typeof value === "boolean", "true or false");
export const number = check((value) => typeof value === "number" && Number.isFinite(value), "a number");
export const integer = check(
  (value) => Number.isSafeInteger(value) || typeof value === "bigint",
  "a whole number",
);
export const u32 = check(isU32, "a whole number from 0 to 2^32 - 1");
export const u64 = check(
  (value) =>
    (Number.isSafeInteger(value) && Number(value) >= 0) ||
    (typeof value === "bigint" && BigInt.asUintN(64, value) === value),
  "a whole number from 0 to 2^64 - 1",
);

export function isU32(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_U32;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function listOf(item: Check): Check {
  return (value, where) => {
    if (!Array.isArray(value)) return `${where} is ${show(value)}, not a list`;
    for (let at = 0; at < value.length; at++) {
      const fault = item(value[at], `${where}[${at}]`);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
}

/** A list of token ids. Apart from {@link listOf}, because prompts are long. */
export const tokenIds: Check = (value, where) => {
  if (!Array.isArray(value)) return `${where} is ${show(value)}, not a list of token ids`;
  const wrong = value.findIndex((id) => !isU32(id));
  return wrong < 0 ? undefined : u32(value[wrong], `${where}[${wrong}]`);
};

/** An object. Fields that are absent or `null` are right, and so are those that aren't named. */
export function objectOf(fields: Readonly<Record<string, Check>>): Check {
  const checks = Object.entries(fields);
  return (value, where) => {
    if (!isFields(value)) return `${where} is ${show(value)}, not an object`;
    for (const [key, check] of checks) {
      const field = value[key];
      if (field === undefined || field === null) continue;
      const fault = check(field, where === "" ? key : `${where}.${key}`);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
}

function check(isRight: (value: unknown) => boolean, what: string): Check {
  return (value, where) => (isRight(value) ? undefined : `${where} is ${show(value)}, not ${what}`);
}

/** Short, because values come from outside. */
function show(value: unknown): string {
  if (typeof value === "string") return `'${value.slice(0, 40)}'`;
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "a list" : "an object";
  return String(value);
}
