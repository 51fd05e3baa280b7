/**
 * For every package's vitest.config.ts: machines may be busy, and what is slow there is not wrong. Vitest's own bounds
 * are 5 s for a test and 1 s for a poll.
 */
export const PATIENCE = {
  testTimeout: 120_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: 20_000 } },
} as const;
