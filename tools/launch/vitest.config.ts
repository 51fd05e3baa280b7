import { PATIENCE } from "@dynamo/test-support/patience";
import { defineConfig } from "vitest/config";

// Processes start, end and wait for each other here, each test's apart from all others'.
export default defineConfig({ test: { ...PATIENCE, maxWorkers: 2 } });
