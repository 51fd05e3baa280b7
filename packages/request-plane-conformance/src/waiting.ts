/**
 * Waits that end.
 */
import { setTimeout as sleep } from "node:timers/promises";

/** How long a condition that should come true may take. */
const PATIENCE_MS = 15_000;

/** What waits for no other bound is done sooner than that, also where machines stand still for seconds. */
export const PROMPT_MS = 8_000;

/** Polls until the condition holds. Rejects when it doesn't within the bound. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  patienceMs: number = PATIENCE_MS,
): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Waited ${patienceMs} ms in vain until ${what}`);
    await sleep(3);
  }
}

/** What the promise becomes, or a rejection that names what was waited for. */
export async function within<T>(what: string, promise: Promise<T>, limitMs = PATIENCE_MS): Promise<T> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} took longer than ${limitMs} ms`)), limitMs);
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when the signal is aborted. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

/** A promise and the way to resolve it. */
export interface Gate {
  readonly passed: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return { passed: promise as Promise<unknown> as Promise<void>, open: () => resolve(undefined) };
}
