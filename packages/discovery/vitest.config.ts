import { defineConfig } from "vitest/config";

// Tests wait for other processes and for leases to run out, on machines that may be busy.
export default defineConfig({ test: { testTimeout: 60_000 } });
