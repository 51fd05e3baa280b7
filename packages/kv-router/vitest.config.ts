import { defineConfig } from "vitest/config";

// The comparison with the plain model runs a hundred thousand steps, on machines that may be busy.
export default defineConfig({ test: { testTimeout: 120_000 } });
