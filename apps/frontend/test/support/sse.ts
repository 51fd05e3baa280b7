/**
 * A strict reader of server-sent events: a line that the frontend has no business sending is an error.
 */
export interface SseEvent {
  readonly name: string | undefined;
  readonly comments: readonly string[];
  readonly data: string | undefined;
}

/** Reads a whole body. Throws for anything that isn't `event:`, `data:` or a comment, or isn't ended. */
export function parseSse(text: string): SseEvent[] {
  if (text === "") return [];
  if (!text.endsWith("\n\n"))
    throw new Error(`The last event is not ended: ${JSON.stringify(text.slice(-80))}`);
  return text.slice(0, -2).split("\n\n").map(parseEvent);
}

function parseEvent(block: string): SseEvent {
  let name: string | undefined;
  let data: string | undefined;
  const comments: string[] = [];
  for (const line of block.split("\n")) {
    const match = /^(event: |data: |: ?)([^\r\n]*)$/.exec(line);
    if (!match) throw new Error(`Not a line of an event: ${JSON.stringify(line)}`);
    const [, kind, value = ""] = match;
    if (kind === "event: " && name === undefined) name = value;
    else if (kind === "data: " && data === undefined) data = value;
    else if (kind?.startsWith(":") === true) comments.push(value);
    else throw new Error(`A second ${String(kind)}in one event`);
  }
  return { name, comments, data };
}

/** The JSON of all data events but the last, which must be `[DONE]` and be the only one of its kind. */
export function chunksOf(text: string): unknown[] {
  const data = parseSse(text).flatMap((event) => event.data ?? []);
  if (data.at(-1) !== "[DONE]")
    throw new Error(`No [DONE] at the end of ${JSON.stringify(text.slice(-200))}`);
  return data.slice(0, -1).map((json) => JSON.parse(json) as unknown);
}
