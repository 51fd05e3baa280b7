import { defineConfig } from "vitest/config";

// Every test builds, packs and installs.
export default defineConfig({ test: { testTimeout: 180_000 } });
