import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeTestModel } from "@dynamo/test-model";
import { describe, expect, it, onTestFinished } from "vitest";
import { MODEL } from "./chat-request.ts";
import { Fleet, offers } from "./fleet.ts";
import type { Frontend } from "./fleet.ts";

const STREAMS = 32;
const TOKENS = 40;

interface Answer {
  readonly choices: readonly {
    readonly message: { readonly content: string };
    readonly finish_reason: string;
  }[];
  readonly usage: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly prompt_tokens_details?: { readonly cached_tokens: number };
  };
}

describe("a frontend before workers that take tokens", () => {
  it("answers many chats with what the workers make of them, and is idle afterwards", async () => {
    const model = await writeTestModel(temporaryFolder());
    const fleet = new Fleet({});
    onTestFinished(() => fleet[Symbol.dispose]());
    const engine = [
      "--model-path",
      model,
      "--model-name",
      MODEL,
      "--speedup-ratio",
      "0",
      "--block-size",
      "4",
    ];
    const frontend = await fleet.frontend("tcp");
    const workers = await Promise.all([fleet.worker("tcp", ...engine), fleet.worker("tcp", ...engine)]);
    await expect.poll(() => offers(frontend, MODEL)).toBe(true);

    const asks = Array.from({ length: STREAMS }, async (_unused, at) => {
      const question = `question ${at} é 你好 🙂`;
      const [whole, streamed] = await Promise.all([
        askWhole(frontend, question),
        askStream(frontend, question),
      ]);
      expect(whole.choices[0]).toMatchObject({ finish_reason: "length" });
      expect(whole.usage.completion_tokens).toBe(TOKENS);
      expect(whole.usage.prompt_tokens).toBe(streamed.promptTokens);
      // Ids of the mock engine are syllables, none of them shorter than two letters.
      expect(streamed.text.length).toBeGreaterThanOrEqual(2 * TOKENS);
    });
    await Promise.all(asks);

    const again = await askWhole(frontend, "question 0 é 你好 🙂");
    expect(again.usage.prompt_tokens_details?.cached_tokens ?? 0).toBeGreaterThan(0);
    await expect.poll(() => inFlight(frontend)).toEqual([]);
    for (const { program } of [frontend, ...workers]) expect(await program.terminate()).toBe("exit code 0");
  });
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "tokens-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function ask({ port }: Frontend, question: string, more: object): Promise<Response> {
  const messages = [{ role: "user", content: question }];
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: MODEL, messages, max_tokens: TOKENS, ...more }),
    signal: AbortSignal.timeout(60_000),
  });
  expect(response.status).toBe(200);
  return response;
}

async function askWhole(frontend: Frontend, question: string): Promise<Answer> {
  return (await (await ask(frontend, question, {})).json()) as Answer;
}

async function askStream(
  frontend: Frontend,
  question: string,
): Promise<{ text: string; promptTokens: number }> {
  const options = { stream: true, stream_options: { include_usage: true } };
  const body = await (await ask(frontend, question, options)).text();
  const data = body.split("\n\n").flatMap((event) => (event.startsWith("data: {") ? [event.slice(6)] : []));
  const chunks = data.map((json) => JSON.parse(json) as { choices: Chunk[]; usage?: Answer["usage"] });
  const text = chunks.map(({ choices: [choice] }) => choice?.delta.content ?? "").join("");
  return { text, promptTokens: chunks.at(-1)?.usage?.prompt_tokens ?? 0 };
}

interface Chunk {
  readonly delta: { readonly content?: string };
}

/** Gauges of requests that aren't zero. */
async function inFlight({ port }: Frontend): Promise<string[]> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return text
    .split("\n")
    .filter((line) => /^dynamo_frontend_(inflight|active|queued)_requests\b.* [^0]/.test(line));
}
