/**
 * What the user sees: one answer as it streams, its timing, and how to ask oneself.
 */
import type { Writable } from "node:stream";
import { streamChat, waitForModel } from "./chat.ts";
import { MODEL } from "./deployment.ts";

const START_MS = 30_000;
const ANSWER_MS = 60_000;
const QUESTION = "Hello! These words went to a worker and came back, one token at a time.";

/** Resolves when the answer is there. Rejects when it isn't within the bounds, or when the signal aborts. */
export async function demonstrate(baseUrl: string, out: Writable, signal: AbortSignal): Promise<void> {
  await within(START_MS, `the frontend did not list ${MODEL}`, signal, (bound) =>
    waitForModel(baseUrl, MODEL, bound),
  );
  await within(ANSWER_MS, "the answer did not end", signal, (bound) => showAnswer(baseUrl, out, bound));
}

async function within(
  ms: number,
  complaint: string,
  signal: AbortSignal,
  work: (bound: AbortSignal) => Promise<void>,
): Promise<void> {
  const timeout = AbortSignal.timeout(ms);
  try {
    await work(AbortSignal.any([signal, timeout]));
  } catch (error) {
    throw timeout.aborted ? new Error(`${complaint} within ${ms / 1000} s`) : error;
  }
}

async function showAnswer(baseUrl: string, out: Writable, signal: AbortSignal): Promise<void> {
  out.write(`\n> ${QUESTION}\n< `);
  const start = performance.now();
  let firstMs = 0;
  let tokens = 0;
  for await (const text of streamChat(baseUrl, MODEL, QUESTION, signal)) {
    if (tokens++ === 0) firstMs = performance.now() - start;
    out.write(text);
  }
  const totalMs = performance.now() - start;
  const rate = Math.round((tokens / totalMs) * 1000);
  out.write(
    `\n\n${tokens} tokens: the first after ${ms(firstMs)}, all after ${ms(totalMs)}, ${rate} tokens/s\n`,
  );
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

/** The command of the user guide, for this model and port. */
export function curlCommand(httpPort: number): string {
  return `curl http://localhost:${httpPort}/v1/chat/completions \\
  -H "Content-Type: application/json" \\
  -d '{
    "model": "${MODEL}",
    "messages": [{"role": "user", "content": "Hello!"}]
  }'`;
}
