/**
 * A client that shows what happens on the socket, which fetch hides.
 */
import { request } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { once } from "node:events";
import { text } from "node:stream/consumers";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Sends a request on a connection of its own. */
export function open(
  url: string,
  { method = "POST", path = "/v1/chat/completions", ...sent }: Sent,
): ClientRequest {
  const headers = { "content-type": "application/json", connection: "close", ...sent.headers };
  const outgoing = request(url + path, { method, headers, agent: false });
  outgoing.on("error", () => undefined);
  outgoing.end(sent.body);
  return outgoing;
}

/** The status and headers. Rejects when the connection ends before. */
export async function headOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  return response;
}

export async function send(url: string, sent: Sent): Promise<Answer> {
  const response = await headOf(open(url, sent));
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
}

/** The text of a chat request. */
export function chat(fields: object = {}): string {
  return JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }], ...fields });
}

export interface ErrorAnswer {
  readonly error: { message: string; type: string; param: string | null; code: number; details?: unknown };
}

export function errorOf(answer: Answer): ErrorAnswer["error"] {
  return (JSON.parse(answer.body) as ErrorAnswer).error;
}
