/** The HTTP connections of the recordings, which lie with the tests of core. */
import { readFileSync } from "node:fs";

interface Capture {
  readonly dynamo: string;
  readonly plane: string;
  readonly case: string;
  readonly connections: readonly {
    readonly connection: string;
    readonly events?: readonly { readonly from: "dialer" | "listener"; readonly hex?: string }[];
  }[];
}

/** What both sides of the connections of one recorded request sent. */
export interface Recording {
  readonly name: string;
  readonly request: { readonly dialer: Buffer; readonly listener: Buffer };
  readonly callHome: { readonly dialer: Buffer; readonly listener: Buffer };
}

export function recordings(): Recording[] {
  const file = new URL("../../../request-plane-core/test/fixtures/captures.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as Capture[])
    .filter(({ plane }) => plane === "http")
    .map((capture) => ({
      name: `${capture.dynamo} ${capture.case}`,
      request: bytesOf(capture, "request"),
      callHome: bytesOf(capture, "call_home"),
    }));
}

function bytesOf({ connections }: Capture, name: string): { dialer: Buffer; listener: Buffer } {
  const events = connections.find(({ connection }) => connection === name)?.events ?? [];
  const sentBy = (side: string): Buffer =>
    Buffer.concat(events.flatMap(({ from, hex }) => (from === side && hex ? [Buffer.from(hex, "hex")] : [])));
  return { dialer: sentBy("dialer"), listener: sentBy("listener") };
}
