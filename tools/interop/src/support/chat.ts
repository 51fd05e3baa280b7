/**
 * What clients of an OpenAI frontend do.
 */
import type { ChatFrontend } from "../roles/chat.ts";
import { within } from "../waiting.ts";

const CHAT_MS = 30_000;

export interface ChatOptions {
  readonly model: string;
  readonly text: string;
  readonly stream?: boolean;
  /** A fault of our mock worker, such as `fail_after:3`. */
  readonly fault?: string;
  readonly usage?: boolean;
  readonly signal?: AbortSignal;
}

export interface Usage {
  readonly completion_tokens: number;
}

export interface ChatAnswer {
  readonly status: number;
  /** The answer as it came, for messages and for errors. */
  readonly raw: string;
  readonly text: string;
  /** Chunks with text in them. */
  readonly tokens: number;
  readonly usage: Usage | undefined;
  readonly isDone: boolean;
  readonly hasError: boolean;
}

export function ask({ url }: ChatFrontend, options: ChatOptions): Promise<Response> {
  const { model, text, stream = false, fault, usage, signal } = options;
  const bound = AbortSignal.timeout(2 * CHAT_MS);
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model,
      messages: [{ role: "user", content: text }],
      stream,
      ...(stream && usage && { stream_options: { include_usage: true } }),
      ...(fault !== undefined && { nvext: { annotations: [`mock_fault:${fault}`] } }),
    }),
    signal: signal ? AbortSignal.any([signal, bound]) : bound,
  });
}

/** Asks, and reads all of the answer. */
export function chat(frontend: ChatFrontend, options: ChatOptions): Promise<ChatAnswer> {
  return within(`a chat with ${options.model}`, readAll(frontend, options), CHAT_MS);
}

async function readAll(frontend: ChatFrontend, options: ChatOptions): Promise<ChatAnswer> {
  const response = await ask(frontend, options);
  const raw = await response.text();
  return { status: response.status, raw, ...(options.stream ? fromEvents(raw) : fromBody(raw)) };
}

type Read = Omit<ChatAnswer, "status" | "raw">;

interface Body {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null };
    readonly message?: { readonly content?: string | null };
  }[];
  readonly usage?: Usage | null;
}

function fromEvents(raw: string): Read {
  const lines = raw.split("\n").filter((line) => line.startsWith("data: "));
  const datas = lines.map((line) => line.slice("data: ".length));
  const chunks = datas.filter((data) => data.startsWith("{")).map((data) => JSON.parse(data) as Body);
  const texts = chunks.map(({ choices }) => choices?.[0]?.delta?.content ?? "").filter((text) => text !== "");
  return {
    text: texts.join(""),
    tokens: texts.length,
    usage: chunks.map(({ usage }) => usage).findLast((usage) => usage) ?? undefined,
    isDone: datas.includes("[DONE]"),
    hasError: raw.includes("event: error") || chunks.some((chunk) => "error" in chunk),
  };
}

function fromBody(raw: string): Read {
  const { choices, usage } = raw.startsWith("{") ? (JSON.parse(raw) as Body) : {};
  const text = choices?.[0]?.message?.content ?? "";
  return { text, tokens: 0, usage: usage ?? undefined, isDone: choices !== undefined, hasError: !choices };
}
