import { PATIENCE } from "@dynamo/test-support/patience";
import { defineConfig } from "vitest/config";

// Cases wait more than they work, so many may run at the same time.
export default defineConfig({ test: { ...PATIENCE, maxConcurrency: 8 } });
