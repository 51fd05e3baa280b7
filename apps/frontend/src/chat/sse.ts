/**
 * The text of server-sent events. Whatever a worker says, no event can be forged: data is JSON on one line,
 * and the line breaks of names and comments are taken out.
 */
import type { Annotated } from "@dynamo/request-plane-core";

export const DONE = "data: [DONE]\n\n";

/** An event whose data is JSON text. */
export function dataEvent(json: string): string {
  return `data: ${onOneLine(json)}\n\n`;
}

/** An event with a name of ours, whose data is JSON text. */
export function namedEvent(name: string, json: string): string {
  return `event: ${name}\n${dataEvent(json)}`;
}

/** An item with an event name: the name, its comments as comment lines, and data, which is JSON text, if it has any. */
export function annotationEvent({ event, comment, data }: Annotated<string>): string {
  const name = event === undefined ? "" : `event: ${event.split(LINE_BREAKS).join(" ")}\n`;
  const comments = (comment ?? []).flatMap((text) => text.split(LINE_BREAKS)).map((line) => `: ${line}\n`);
  const body = data === undefined ? "" : `data: ${onOneLine(data)}\n`;
  return `${name}${comments.join("")}${body}\n`;
}

const LINE_BREAKS = /\r\n|\r|\n/;

/** In JSON, line breaks are nothing but white space. */
function onOneLine(json: string): string {
  return json.includes("\n") || json.includes("\r") ? json.replaceAll(/[\r\n]+/g, " ") : json;
}
