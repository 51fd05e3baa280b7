import { PATIENCE } from "@dynamo/test-support/patience";
import { defineConfig } from "vitest/config";

export default defineConfig({ test: PATIENCE });
