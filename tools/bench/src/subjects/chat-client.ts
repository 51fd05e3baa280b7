/**
 * A client of chats that does less than a frontend for each chunk: it counts tokens and parses nothing.
 */
import { request as startRequest } from "node:http";
import type { Agent, IncomingMessage } from "node:http";
import type { BenchRequest } from "../workload.ts";

export const MODEL = "bench-model";

/** Each chunk with a token has it once. */
const TOKEN = '"content":"';
const DONE = "[DONE]\n\n";

/** Streams one chat of so many tokens. Resolves with how many came, when the answer was whole. */
export function streamChat(
  port: string,
  agent: Agent,
  { items, text }: BenchRequest,
  onFirst?: () => void,
): Promise<number> {
  const messages = [{ role: "user", content: text }];
  const body = JSON.stringify({ model: MODEL, messages, stream: true, max_tokens: items });
  return new Promise((resolve, reject) => {
    const request = startRequest({
      agent,
      port,
      host: "127.0.0.1",
      method: "POST",
      path: "/v1/chat/completions",
      headers: { "content-type": "application/json", "content-length": body.length },
    });
    request.on("error", reject);
    request.on("response", (response) => {
      readAnswer(response, onFirst).then(resolve, reject);
    });
    request.end(body, "latin1");
  });
}

function readAnswer(response: IncomingMessage, onFirst?: () => void): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let tokens = 0;
  let rest = "";
  response.setEncoding("latin1").on("data", (part: string) => {
    if (tokens === 0) onFirst?.();
    const text = rest + part;
    for (let at = text.indexOf(TOKEN); at >= 0; at = text.indexOf(TOKEN, at + TOKEN.length)) tokens += 1;
    // What the next part may complete, and too little to count a token twice.
    rest = text.slice(1 - TOKEN.length);
  });
  response.on("error", reject).on("end", () => {
    if (response.statusCode === 200 && rest.endsWith(DONE)) resolve(tokens);
    else reject(new Error(`HTTP ${String(response.statusCode)} ended with '${rest}'`));
  });
  return promise;
}
