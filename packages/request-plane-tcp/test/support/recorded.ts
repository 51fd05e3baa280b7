/** The request connections of the recordings, which lie with the tests of core. */
import { readFileSync } from "node:fs";

interface Capture {
  readonly dynamo: "0.7.1" | "1.6.1";
  readonly plane: string;
  readonly case: string;
  readonly connections: readonly {
    readonly connection: string;
    readonly events?: readonly { readonly from: "dialer" | "listener"; readonly hex?: string }[];
  }[];
}

/** One connection that carried requests. */
export interface RecordedRequests {
  readonly name: string;
  readonly dynamo: "0.7.1" | "1.6.1";
  /** Each request frame by itself. */
  readonly frames: readonly Buffer[];
  /** All frames, and all that was answered. */
  readonly dialer: Buffer;
  readonly listener: Buffer;
}

export function recordedRequests(): RecordedRequests[] {
  return (read("captures.json") as Capture[])
    .filter(({ plane }) => plane === "tcp")
    .map((capture) => {
      const events =
        capture.connections
          .find(({ connection }) => connection === "request")
          ?.events?.filter(({ hex }) => hex) ?? [];
      const sentBy = (side: string) =>
        events.filter(({ from }) => from === side).map(({ hex }) => Buffer.from(hex!, "hex"));
      const frames = sentBy("dialer");
      return {
        name: `${capture.dynamo} ${capture.case}`,
        dynamo: capture.dynamo,
        frames,
        dialer: Buffer.concat(frames),
        listener: Buffer.concat(sentBy("listener")),
      };
    });
}

/** The bytes of one vector, by its short name. */
export function vector(name: string): Buffer {
  const vectors = read("wire-vectors.json") as Record<string, { readonly hex: string }>;
  return Buffer.from(vectors[name]!.hex, "hex");
}

/** The two-part message in a frame begins 24 bytes before its JSON. */
export function envelopeOf(frame: Buffer): Buffer {
  return frame.subarray(frame.lastIndexOf('{"id":"') - 24);
}

function read(name: string): unknown {
  const folder = new URL("../../../request-plane-core/test/fixtures/", import.meta.url);
  return JSON.parse(readFileSync(new URL(name, folder), "utf8"));
}
