/**
 * Questions to models that take tokens, and what their answers tell of the engine behind them.
 */
import type { ChatFrontend } from "../roles/chat.ts";
import { within } from "../waiting.ts";

const ANSWER_MS = 30_000;

export interface TokensAnswer {
  readonly status: number;
  /** The answer as it came, for messages. */
  readonly raw: string;
  readonly text: string;
  readonly finish: string | undefined;
  readonly promptTokens: number | undefined;
  readonly completionTokens: number | undefined;
  /** Tokens of the prompt that the engine had in its cache, by its own count, when it is told. */
  readonly cachedTokens: number | undefined;
  /** Id of the instance that the router chose. As text: it has more digits than a number. */
  readonly worker: string | undefined;
  /** Share of the prompt's blocks that the router knew at that worker. */
  readonly hitRate: number | undefined;
}

interface Body {
  readonly choices?: readonly {
    readonly text?: string;
    readonly message?: { readonly content?: string };
    readonly finish_reason?: string;
  }[];
  readonly usage?: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly prompt_tokens_details?: { readonly cached_tokens?: number } | null;
  };
  readonly nvext?: { readonly timing?: { readonly kv_hit_rate?: number } };
}

/** Asks for a chat, or with `prompt` for a completion. Resolves with the whole answer. */
export function askTokens(
  frontend: ChatFrontend,
  asked: { readonly model: string; readonly prompt?: string; readonly [field: string]: unknown },
): Promise<TokensAnswer> {
  const route = asked.prompt === undefined ? "chat/completions" : "completions";
  return within(`an answer of ${asked.model}`, readAll(`${frontend.url}/v1/${route}`, asked), ANSWER_MS);
}

async function readAll(url: string, asked: object): Promise<TokensAnswer> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ nvext: { extra_fields: ["worker_id", "timing"] }, ...asked }),
    signal: AbortSignal.timeout(2 * ANSWER_MS),
  });
  const raw = await response.text();
  const body = (raw.startsWith("{") ? JSON.parse(raw) : {}) as Body;
  return {
    status: response.status,
    raw,
    ...choiceOf(body),
    ...countsOf(body),
    worker: /"decode_worker_id":(\d+)/.exec(raw)?.[1],
    hitRate: body.nvext?.timing?.kv_hit_rate,
  };
}

function choiceOf({ choices = [] }: Body): Pick<TokensAnswer, "text" | "finish"> {
  const [choice] = choices;
  return { text: choice?.text ?? choice?.message?.content ?? "", finish: choice?.finish_reason };
}

function countsOf({ usage }: Body): Pick<TokensAnswer, "promptTokens" | "completionTokens" | "cachedTokens"> {
  return {
    promptTokens: usage?.prompt_tokens,
    completionTokens: usage?.completion_tokens,
    cachedTokens: usage?.prompt_tokens_details?.cached_tokens,
  };
}
