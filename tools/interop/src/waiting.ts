/**
 * Waits that end. Each says what it waits for, and what runs in {@link limited} can be asked for all of them.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";

const underWay = new AsyncLocalStorage<Set<Wait>>();

interface Wait {
  readonly what: string;
  readonly since: number;
}

/** Resolves when it holds; rejects after so many milliseconds. */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  timeoutMs?: number,
): Promise<void> {
  await untilFound(what, async () => (await holds()) || undefined, timeoutMs);
}

/** Resolves with what was found; rejects when nothing was after so many milliseconds. */
export function untilFound<T>(
  what: string,
  find: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 30_000,
): Promise<T> {
  return noted(`until ${what}`, async () => {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = await find();
      if (found !== undefined) return found;
      if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain until ${what}`);
      await sleep(20);
    }
  });
}

/** The same promise, or a rejection after so many milliseconds. */
export function within<T>(what: string, promise: Promise<T>, timeoutMs: number): Promise<T> {
  const words = (): string => `${what} took longer than ${timeoutMs} ms`;
  return noted(`for ${what}`, () => orTooLate(promise, timeoutMs, words));
}

/** As {@link within}; the rejection also tells the waits that were under way in `run`. */
export function limited<T>(what: string, run: () => Promise<T>, timeoutMs: number): Promise<T> {
  const waits = new Set<Wait>();
  const words = (): string => [`${what} took longer than ${timeoutMs} ms`, ...wordsOf(waits)].join("; ");
  return orTooLate(underWay.run(waits, run), timeoutMs, words);
}

async function noted<T>(what: string, run: () => Promise<T>): Promise<T> {
  const waits = underWay.getStore();
  const wait = { what, since: performance.now() };
  waits?.add(wait);
  try {
    return await run();
  } finally {
    waits?.delete(wait);
  }
}

function wordsOf(waits: ReadonlySet<Wait>): string[] {
  return [...waits].map(({ what, since }) => `it has waited ${seconds(performance.now() - since)} ${what}`);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

async function orTooLate<T>(promise: Promise<T>, timeoutMs: number, words: () => string): Promise<T> {
  const timer = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(words());
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}
