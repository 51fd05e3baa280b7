import { defineConfig } from "vitest/config";

// Threads start slowly on machines that are busy.
export default defineConfig({ test: { testTimeout: 60_000 } });
