/** The socket plane as a module that the command line can load. */
import type { Transport } from "@dynamo/request-plane-core";
import { DEFAULT_SETTINGS } from "../../src/fixture.ts";
import { socketFixture } from "./socket-transport.ts";

const MIB = 1024 * 1024;

/** `maxMessageBytes` is in bytes. */
export function socket(options: { maxMessageBytes?: number } = {}): Transport {
  const { maxMessageBytes = 2 * MIB } = options;
  return socketFixture({
    ...DEFAULT_SETTINGS,
    serverMaxMessageBytes: maxMessageBytes,
    clientMaxMessageBytes: maxMessageBytes,
  }).client;
}

export const notAFactory = 7;
