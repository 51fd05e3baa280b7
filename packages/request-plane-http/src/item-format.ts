/**
 * Items of a response as lines that people and their tools read: a line of JSON each, or server-sent events.
 */
import { errorOfItem } from "@dynamo/request-plane-core";
import type { Annotated, RequestPlaneError } from "@dynamo/request-plane-core";
import { describe } from "./problem.ts";

/** One item, its JSON as the handler's worker wrote it. */
export type Item =
  | { readonly kind: "data"; readonly json: string }
  | { readonly kind: "annotation"; readonly json: string }
  | { readonly kind: "error"; readonly error: RequestPlaneError };

const FRAME_START = '{"data":';
const FRAME_END = ',"complete_final":false}';

/** Takes the body of a data frame apart by its text: a parsed number could lose digits. */
export function readItem(body: string | Uint8Array): Item {
  const text = typeof body === "string" ? body : Buffer.from(body).toString();
  const json = text.slice(FRAME_START.length, -FRAME_END.length);
  const envelope = JSON.parse(json) as Annotated<unknown>;
  if (envelope.event === "error") return { kind: "error", error: errorOfItem(envelope) };
  const isPlain = Object.keys(envelope).length === 1 && json.startsWith(FRAME_START);
  return isPlain ? { kind: "data", json: json.slice(FRAME_START.length, -1) } : { kind: "annotation", json };
}

/** How items are written. JSON has no line breaks, so an item can't look like two. */
export interface ItemFormat {
  readonly contentType: string;
  write(item: Item): string;
}

const NDJSON: ItemFormat = {
  contentType: "application/x-ndjson",
  write: (item) => `${jsonOf(item)}\n`,
};

const EVENTS: ItemFormat = {
  contentType: "text/event-stream",
  write: (item) => `${item.kind === "data" ? "" : `event: ${item.kind}\n`}data: ${jsonOf(item)}\n\n`,
};

function jsonOf(item: Item): string {
  return item.kind === "error" ? JSON.stringify({ error: describe(item.error) }) : item.json;
}

/** Server-sent events for those who ask for them, lines of JSON for all others. */
export function formatFor(accept: string | undefined): ItemFormat {
  return accept?.includes(EVENTS.contentType) === true ? EVENTS : NDJSON;
}
