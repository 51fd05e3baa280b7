import { PATIENCE } from "@dynamo/test-support/patience";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    ...PATIENCE,
    // Everything stays on this machine, and ports are the system's choice.
    env: {
      DYN_TCP_RPC_HOST: "127.0.0.1",
      DYN_TCP_RPC_PORT: "0",
      DYN_TCP_RESPONSE_STREAM_HOST: "127.0.0.1",
    },
  },
});
