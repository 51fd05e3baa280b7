/**
 * Holds the chats of a trace with a frontend: some at a time, each turn after the answer to the one before.
 */
import { once } from "node:events";
import { Agent, request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Chat } from "./trace.ts";

export interface Turn {
  /** Until the first piece of the answer, in milliseconds. */
  readonly firstTokenMs: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
}

export interface ReplayOptions {
  readonly url: string;
  readonly model: string;
  readonly chatsAtATime: number;
  readonly answerTokens: number;
  readonly signal: AbortSignal;
}

interface Message {
  readonly role: string;
  readonly content: string;
}

interface Usage {
  readonly prompt_tokens: number;
  readonly prompt_tokens_details?: { readonly cached_tokens?: number | null } | null;
}

interface Chunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string } }[];
  readonly usage?: Usage | null;
  readonly error?: { readonly message: string };
}

/** Rejects with the first failure. */
export async function replay(trace: readonly Chat[], options: ReplayOptions): Promise<Turn[]> {
  const agent = new Agent({ keepAlive: true });
  const waiting = [...trace];
  const turns: Turn[] = [];
  const user = async (): Promise<void> => {
    for (let chat = waiting.shift(); chat; chat = waiting.shift()) {
      const messages: Message[] = [{ role: "system", content: chat.system }];
      for (const { said, pauseMs } of chat.turns) {
        await sleep(pauseMs, undefined, { signal: options.signal });
        messages.push({ role: "user", content: said });
        const { answer, ...turn } = await ask(messages, agent, options);
        messages.push({ role: "assistant", content: answer });
        turns.push(turn);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: options.chatsAtATime }, user));
  } finally {
    agent.destroy();
  }
  return turns;
}

async function ask(
  messages: readonly Message[],
  agent: Agent,
  { url, model, answerTokens, signal }: ReplayOptions,
): Promise<Turn & { readonly answer: string }> {
  const start = performance.now();
  const request = httpRequest(`${url}/v1/chat/completions`, {
    method: "POST",
    agent,
    signal,
    headers: { "content-type": "application/json" },
  });
  const streaming = { stream: true, stream_options: { include_usage: true } };
  request.end(JSON.stringify({ model, messages, max_tokens: answerTokens, ...streaming }));
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let firstTokenMs: number | undefined;
  let usage: Usage | undefined;
  let answer = "";
  for await (const chunk of chunksOf(response)) {
    firstTokenMs ??= performance.now() - start;
    if (chunk.error) throw new Error(chunk.error.message);
    answer += chunk.choices?.[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
  }
  if (!usage) throw new Error(`No usage in an answer with status ${response.statusCode ?? 0}`);
  const cachedTokens = usage.prompt_tokens_details?.cached_tokens ?? 0;
  return { firstTokenMs: firstTokenMs ?? NaN, promptTokens: usage.prompt_tokens, cachedTokens, answer };
}

/** The data of server-sent events, whatever the pieces they come in. */
async function* chunksOf(response: IncomingMessage): AsyncGenerator<Chunk> {
  let rest = "";
  for await (const piece of response.setEncoding("utf8") as AsyncIterable<string>) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const data = line.startsWith("data: ") ? line.slice(6) : line.startsWith("{") ? line : "";
      if (data.startsWith("{")) yield JSON.parse(data) as Chunk;
    }
  }
  if (rest.startsWith("{")) yield JSON.parse(rest) as Chunk;
}
