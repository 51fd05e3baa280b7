/**
 * A client of the frontend: waits for the model and streams one answer.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { EventSourceParserStream } from "eventsource-parser/stream";

const POLL_MS = 50;

/** Resolves when the frontend lists the model. Rejects when the signal aborts. */
export async function waitForModel(baseUrl: string, model: string, signal: AbortSignal): Promise<void> {
  while (!(await lists(baseUrl, model, signal))) await sleep(POLL_MS, undefined, { signal });
}

async function lists(baseUrl: string, model: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(`${baseUrl}/v1/models`, { signal });
    if (!response.ok) return false;
    const { data } = (await response.json()) as { data: { id: string }[] };
    return data.some(({ id }) => id === model);
  } catch (error) {
    if (signal.aborted) throw error;
    return false; // Not listening yet.
  }
}

interface ChatChunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[];
  readonly error?: { readonly message: string };
}

/** The texts of a streamed answer. Throws when it ends without `[DONE]` or with an error. */
export async function* streamChat(baseUrl: string, model: string, question: string, signal: AbortSignal) {
  const response = await fetch(`${baseUrl}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: question }], stream: true }),
    signal,
  });
  if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
  const events = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const { data } of events) {
    if (data === "[DONE]") return;
    const chunk = JSON.parse(data) as ChatChunk;
    if (chunk.error) throw new Error(chunk.error.message);
    const text = chunk.choices[0]?.delta.content;
    if (text) yield text;
  }
  throw new Error("the answer ended without [DONE]");
}
