import { defineConfig } from "vitest/config";

// Every smoke run starts two processes of its own, on a machine that may be busy.
export default defineConfig({ test: { testTimeout: 60_000 } });
