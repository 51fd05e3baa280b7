import { PATIENCE } from "@dynamo/test-support/patience";
import { defineConfig } from "vitest/config";

// A session starts several processes and waits for each.
export default defineConfig({ test: { ...PATIENCE, testTimeout: 180_000 } });
