/** The requests over NATS of the recordings, which lie with the tests of core. */
import { readFileSync } from "node:fs";

interface Capture {
  readonly dynamo: string;
  readonly plane: string;
  readonly connections: readonly {
    readonly connection: string;
    readonly verb?: "PUB" | "HPUB";
    readonly subject?: string;
    readonly hex?: string;
    readonly header_bytes?: number;
  }[];
}

export interface RecordedRequest {
  readonly dynamo: string;
  readonly verb: "PUB" | "HPUB";
  readonly subject: string;
  /** Empty without a header block. */
  readonly header: Buffer;
  readonly envelope: Buffer;
}

export function recordedRequests(): RecordedRequest[] {
  const file = new URL("../../../request-plane-core/test/fixtures/captures.json", import.meta.url);
  const captures = JSON.parse(readFileSync(file, "utf8")) as Capture[];
  return captures
    .filter(({ plane }) => plane === "nats")
    .map(({ dynamo, connections }) => {
      const request = connections.find(({ connection }) => connection === "request_nats")!;
      const bytes = Buffer.from(request.hex!, "hex");
      const { verb, subject, header_bytes: headerBytes } = request;
      return {
        ...{ dynamo, verb: verb!, subject: subject! },
        header: bytes.subarray(0, headerBytes),
        envelope: bytes.subarray(headerBytes),
      };
    });
}

/** Read by hand: the first line, then `name: value` lines, then an empty one. */
export function headersIn(block: Buffer): Record<string, string> {
  const lines = block
    .toString()
    .split("\r\n")
    .slice(1)
    .filter((line) => line !== "");
  return Object.fromEntries(lines.map((line) => line.split(/: (.*)/, 2) as [string, string]));
}
