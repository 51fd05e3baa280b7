import { defineConfig } from "vitest/config";

// Waits are bounded by polls inside the tests. Memory is measured, so the collector can be called.
export default defineConfig({
  test: { pool: "forks", execArgv: ["--expose-gc"], testTimeout: 30_000, hookTimeout: 30_000 },
});
