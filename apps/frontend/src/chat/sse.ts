/**
 * The text of server-sent events. Whatever a worker says, no event can be forged: data is JSON on one line,
 * and the line breaks of names and comments are taken out.
 */
import type { Annotated } from "@dynamo/request-plane-core";
import { encodeJson } from "../json.ts";

export const DONE = "data: [DONE]\n\n";

export function dataEvent(value: unknown): string {
  return `data: ${encodeJson(value)}\n\n`;
}

/** An item with an event name: the name, its comments as comment lines, and data if it has any. */
export function annotationEvent({ event, comment, data }: Annotated<unknown>): string {
  const name = event === undefined ? "" : `event: ${event.split(LINE_BREAKS).join(" ")}\n`;
  const comments = (comment ?? []).flatMap((text) => text.split(LINE_BREAKS)).map((line) => `: ${line}\n`);
  const body = data === undefined ? "" : `data: ${encodeJson(data)}\n`;
  return `${name}${comments.join("")}${body}\n`;
}

const LINE_BREAKS = /\r\n|\r|\n/;
