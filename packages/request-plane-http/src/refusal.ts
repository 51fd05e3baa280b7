import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Exchange } from "./exchange.ts";
import { PROBLEM_TYPE, problemDocument, statusOf } from "./problem.ts";

/** A refusal that is HTTP's own and has no code on the request plane. */
export class HttpRefusal extends RequestPlaneError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super("invalid_argument", message);
    this.status = status;
    this.headers = headers;
  }
}

/** Answers with a problem document, once. */
export function refuse(exchange: Exchange, error: RequestPlaneError): void {
  const status = error instanceof HttpRefusal ? error.status : statusOf(error);
  const headers = error instanceof HttpRefusal ? error.headers : {};
  const busy = status === 429 || status === 503 ? { "retry-after": "1" } : {};
  exchange.respond(
    status,
    { "content-type": PROBLEM_TYPE, ...headers, ...busy },
    problemDocument(status, error),
  );
}
