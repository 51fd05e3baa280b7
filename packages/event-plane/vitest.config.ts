import { defineConfig } from "vitest/config";

// Tests wait for other processes, on machines that may be busy.
export default defineConfig({ test: { pool: "forks", testTimeout: 60_000, hookTimeout: 60_000 } });
