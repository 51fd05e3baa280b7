import { describe, it } from "vitest";
import { describeTransport } from "../src/index.ts";
import { socketFixture } from "./support/socket-transport.ts";

describeTransport(socketFixture, { describe, it: it.concurrent });
