import { setTimeout as sleep } from "node:timers/promises";

/** Polls until the condition holds; fails after `timeoutMs`, since machines are busy. */
export async function until(what: string, holds: () => unknown, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain until ${what}`);
    await sleep(2);
  }
}

/** Polls until a number above 0 has not changed for 300 ms, and gives it. */
export async function standsStill(what: string, read: () => number): Promise<number> {
  let last = 0;
  let since = 0;
  await until(`${what} stands still`, () => {
    const now = performance.now();
    if (read() === last) return last > 0 && now - since > 300;
    last = read();
    since = now;
    return false;
  });
  return last;
}
