import { PATIENCE } from "@dynamo/test-support/patience";
import { defineConfig } from "vitest/config";

// Every test builds, packs and installs.
export default defineConfig({ test: { ...PATIENCE, testTimeout: 180_000 } });
