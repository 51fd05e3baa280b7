/**
 * What became of a request, as far as its client can tell.
 */
import { contentOf } from "../../support/chunks.ts";
import type { Answer, ErrorAnswer } from "../../support/http.ts";
import { chunksOf } from "../../support/sse.ts";

export interface Outcome {
  readonly status: number;
  /** All the text that came, in one piece. */
  readonly content: string;
  readonly error: ErrorAnswer["error"] | undefined;
}

/** Throws for an answer that is neither OpenAI's success nor its error, or that doesn't end as it should. */
export function outcomeOf({ status, headers, body }: Answer): Outcome {
  if (headers["content-type"]?.startsWith("text/event-stream") === true) return ofStream(status, body);
  const answer = JSON.parse(body) as Partial<ErrorAnswer> & { choices?: [{ message: { content: string } }] };
  return { status, content: answer.choices?.[0].message.content ?? "", error: answer.error };
}

function ofStream(status: number, body: string): Outcome {
  const events = chunksOf(body) as Partial<ErrorAnswer>[];
  const chunks = events.filter(({ error }) => error === undefined);
  if (events.slice(0, -1).some(({ error }) => error !== undefined)) throw new Error("More after an error");
  return { status, content: contentOf(chunks), error: events.at(-1)?.error };
}

export function success(content: string): Outcome {
  return { status: 200, content, error: undefined };
}

/** As whole answers have it. In a stream that has begun, the status is 200 and the text so far is there. */
export function failure(status: number, details: object = {}): Outcome {
  const [message, type] = WORDS[status] ?? ["", ""];
  return { status, content: "", error: { message, type, param: null, code: status, ...details } };
}

const WORDS: Readonly<Record<number, readonly [message: string, type: string]>> = {
  400: ["Invalid request", "invalid_request_error"],
  401: ["Authentication failed", "authentication_error"],
  403: ["Permission denied", "permission_error"],
  404: ["Not found", "not_found_error"],
  409: ["Conflict with another request", "conflict_error"],
  413: ["Request too large", "invalid_request_error"],
  415: ["Unsupported media", "invalid_request_error"],
  429: ["Rate limit exceeded", "rate_limit_error"],
  499: ["Request cancelled", "request_cancelled"],
  500: ["Internal server error", "internal_server_error"],
  501: ["Not implemented", "not_implemented_error"],
  503: ["Service temporarily unavailable", "service_unavailable"],
  504: ["Request deadline exceeded", "timeout_error"],
  529: ["Service temporarily overloaded", "service_unavailable"],
};
