import { defineConfig } from "vitest/config";

// Lists of packages may have to be fetched first.
export default defineConfig({ test: { testTimeout: 120_000 } });
