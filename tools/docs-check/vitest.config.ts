import { defineConfig } from "vitest/config";

// A session starts several processes and waits for each.
export default defineConfig({ test: { testTimeout: 180_000 } });
