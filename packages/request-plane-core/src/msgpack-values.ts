/**
 * What MessagePack can't take or give as it is: numbers of 64 bits, values with `toJSON`, half characters.
 */

export function hasToJson(value: unknown): value is { toJSON: () => unknown } {
  return (
    typeof value === "object" &&
    value !== null &&
    "toJSON" in value &&
    typeof value.toJSON === "function" &&
    !ArrayBuffer.isView(value)
  );
}

/**
 * A copy that can be encoded: `toJSON` is asked, whole numbers beyond 32 bits become bigints, and half a character
 * becomes U+FFFD, since Rust readers refuse it.
 */
export function copyOf(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value === "number") return isWide(value) ? BigInt(value) : value;
  if (typeof value === "bigint") return inRange(value);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (hasToJson(value)) return copyOf(value.toJSON());
  if (Array.isArray(value)) return value.map(copyOf);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toWellFormed(), copyOf(inner)]));
}

/** Changes the bigints of a decoded value that are safe as numbers into numbers. */
export function withNumbers(value: unknown): unknown {
  if (typeof value === "bigint") return isSafe(value) ? Number(value) : value;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  const fields = value as Record<string, unknown>;
  for (const key of Object.keys(fields)) fields[key] = withNumbers(fields[key]);
  return value;
}

/** UTF-8 has no half characters; what was made of one begins with these bytes. So may binary data. */
export function mayHoldHalfCharacter(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(0xed); at >= 0; at = bytes.indexOf(0xed, at + 1)) {
    if ((bytes[at + 1] ?? 0) >= 0xa0) return true;
  }
  return false;
}

function isWide(value: number): boolean {
  return Number.isSafeInteger(value) && (value > 0xffff_ffff || value < -0x8000_0000);
}

function isSafe(value: bigint): boolean {
  return value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER;
}

function inRange(value: bigint): bigint {
  if (value < 2n ** 64n && value >= -(2n ** 63n)) return value;
  throw new RangeError(`${value} has more than 64 bits`);
}
