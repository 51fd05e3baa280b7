import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { OutboundRequest } from "@dynamo/request-plane-core";

/** What waits for an acknowledgement. */
export interface Unacknowledged {
  /** Its time, in milliseconds, is up. */
  expire(limit: number): void;
}

export type DeliveryPhase = "connect" | "acknowledge";

/**
 * The time of one request, over all that it waits for: whoever waits sets `onFailed` and is told when that has
 * no sense any more.
 */
export class Delivery implements Unacknowledged {
  readonly request: OutboundRequest;
  readonly contentType: string;
  /** What is waited for. */
  phase: DeliveryPhase = "connect";
  onFailed: (error: RequestPlaneError) => void = nothing;
  #error: RequestPlaneError | undefined;

  constructor(request: OutboundRequest, contentType: string) {
    this.request = request;
    this.contentType = contentType;
    request.signal?.addEventListener("abort", this.#abort);
    if (request.signal?.aborted) this.#abort();
  }

  throwIfFailed(): void {
    if (this.#error) throw this.#error;
  }

  fail(error: RequestPlaneError): void {
    if (this.#error) return;
    this.#error = error;
    this.onFailed(error);
  }

  /** Its time is up. */
  expire(limit: number): void {
    this.fail(overdue(this.request.address, this.phase, limit));
  }

  /** Nothing is waited for any more. */
  close(): void {
    this.request.signal?.removeEventListener("abort", this.#abort);
  }

  readonly #abort = (): void => {
    const cause: unknown = this.request.signal?.reason;
    this.fail(new RequestPlaneError("cancelled", "Aborted before it was acknowledged", { cause }));
  };
}

function nothing(): void {
  // Nobody waits for anything yet.
}

/** The time of a request is up. */
export function overdue(address: string, phase: DeliveryPhase, limit: number): RequestPlaneError {
  const what = phase === "connect" ? "No connection to" : "No acknowledgement from";
  const facts = { address, phase, limit, elapsedMs: limit, setting: "DYN_HTTP_REQUEST_TIMEOUT" };
  return new RequestPlaneError("deadline_exceeded", `${what} ${address} within ${limit} ms`, { facts });
}
