import { PATIENCE } from "@dynamo/test-support/patience";
import { defineConfig } from "vitest/config";

// Memory is measured, so the collector can be called.
export default defineConfig({ test: { ...PATIENCE, pool: "forks", execArgv: ["--expose-gc"] } });
