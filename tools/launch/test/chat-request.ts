/**
 * One streamed chat request as a client sees it.
 */
import { once } from "node:events";
import { Agent, request } from "node:http";
import type { IncomingMessage } from "node:http";
import { createParser } from "eventsource-parser";

export const MODEL = "mock-model";

export interface ChatRequest {
  readonly port: number;
  readonly text: string;
  /** The answer has to be complete after this many milliseconds. */
  readonly boundMs: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** More of the request's body. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** The first token is there, or the refusal. */
  readonly onBegin?: () => void;
}

export interface Answer {
  readonly status: number;
  readonly content: string;
  /** The error in the body or in the stream. */
  readonly error: { readonly message: string; readonly code: number } | undefined;
  /** Whether the stream has said that it is at its end. */
  readonly isDone: boolean;
  /** Prompt tokens that the worker had in its cache; when the request asks for usage. */
  readonly cachedTokens: number | undefined;
  /** Extensions of the chunks, the later ones over the earlier. */
  readonly nvext: Readonly<Record<string, unknown>>;
}

/** Every request has a connection of its own: none can meet one that the frontend is about to close. */
const agent = new Agent({ keepAlive: false, maxSockets: Infinity });

/** Rejects when the connection breaks or the answer isn't there in time. */
export async function ask({ port, text, boundMs, headers, body, onBegin }: ChatRequest): Promise<Answer> {
  const signal = AbortSignal.timeout(boundMs);
  const call = request({
    ...{ port, host: "127.0.0.1", method: "POST", path: "/v1/chat/completions", agent, signal },
    headers: { "content-type": "application/json", ...headers },
  });
  const messages = [{ role: "user", content: text }];
  call.end(JSON.stringify({ model: MODEL, stream: true, messages, ...body }));
  const [response] = (await once(call, "response")) as [IncomingMessage];
  onBegin?.();
  const status = response.statusCode ?? 0;
  return { status, ...(status === 200 ? await eventsOf(response) : await refusalOf(response)) };
}

async function eventsOf(response: IncomingMessage): Promise<Omit<Answer, "status">> {
  let content = "";
  let error: Answer["error"];
  let isDone = false;
  let cachedTokens: number | undefined;
  let nvext: Answer["nvext"] = {};
  const parser = createParser({
    onEvent: ({ data }) => {
      if (isDone) throw new Error(`After [DONE] came ${data}`);
      if (data === "[DONE]") return void (isDone = true);
      const chunk = JSON.parse(data) as Chunk;
      error ??= chunk.error;
      content += chunk.choices?.[0]?.delta.content ?? "";
      cachedTokens = chunk.usage?.prompt_tokens_details?.cached_tokens ?? cachedTokens;
      nvext = { ...nvext, ...chunk.nvext };
    },
  });
  for await (const chunk of response) parser.feed(String(chunk));
  return { content, error, isDone, cachedTokens, nvext };
}

async function refusalOf(response: IncomingMessage): Promise<Omit<Answer, "status">> {
  const { error } = JSON.parse(Buffer.concat(await response.toArray()).toString()) as Pick<Answer, "error">;
  return { content: "", error, isDone: true, cachedTokens: undefined, nvext: {} };
}

interface Chunk {
  readonly choices?: readonly { readonly delta: { readonly content?: string } }[];
  readonly error?: NonNullable<Answer["error"]>;
  readonly usage?: {
    readonly prompt_tokens_details?: { readonly cached_tokens?: number | null } | null;
  } | null;
  readonly nvext?: Answer["nvext"] | null;
}
