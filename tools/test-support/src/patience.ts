import { SecondTries } from "./second-tries.ts";

/**
 * For every package's vitest.config.ts: machines may be busy, and what is slow there is not wrong. Vitest's own bounds
 * are 5 s for a test and 1 s for a poll. A test that fails is tried once more, since one of thousands with real
 * processes should not hide what the others say; the end of a run names it.
 */
export const PATIENCE = {
  testTimeout: 120_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: 20_000 } },
  retry: 1,
  reporters: ["default" as const, new SecondTries()],
};
