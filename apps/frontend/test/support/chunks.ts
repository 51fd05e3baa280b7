/** Chunks as workers send them. */

export interface Chunk {
  readonly id: string;
  readonly object: "chat.completion.chunk";
  readonly created: number;
  readonly model: string;
  readonly choices: readonly object[];
  readonly [field: string]: unknown;
}

export function chunk(choices: readonly object[], more: object = {}): Chunk {
  return {
    id: "chat-1",
    object: "chat.completion.chunk",
    created: 1_700_000_000,
    model: "m",
    choices,
    ...more,
  };
}

export function delta(fields: object, more: object = {}): Chunk {
  return chunk([{ index: 0, delta: fields, finish_reason: null, ...more }]);
}

export function text(content: string): Chunk {
  return delta({ content });
}

export function finish(reason = "stop"): Chunk {
  return delta({}, { finish_reason: reason });
}

/** The content of all deltas of the first choice together. */
export function contentOf(chunks: readonly unknown[]): string {
  return chunks
    .map((value) => (value as { choices: { delta: { content?: string } }[] }).choices[0]?.delta.content ?? "")
    .join("");
}
