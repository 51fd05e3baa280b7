import { describe, it } from "vitest";
import { describeTransport, memoryPlane } from "../src/index.ts";

describeTransport(
  ({ clientMaxMessageBytes, serverMaxMessageBytes }) =>
    memoryPlane({ maxMessageBytes: clientMaxMessageBytes, serverMaxMessageBytes }),
  { describe, it: it.concurrent },
);
