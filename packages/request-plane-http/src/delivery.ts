import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { OutboundRequest } from "@dynamo/request-plane-core";

/**
 * The time of one request, over all that it waits for: whoever waits sets `onFailed` and is told when that has
 * no sense any more.
 */
export class Delivery {
  readonly request: OutboundRequest;
  /** What is waited for. */
  phase: "connect" | "acknowledge" = "connect";
  onFailed: (error: RequestPlaneError) => void = () => undefined;
  #error: RequestPlaneError | undefined;

  constructor(request: OutboundRequest) {
    this.request = request;
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
    const { address } = this.request;
    const what = this.phase === "connect" ? "No connection to" : "No acknowledgement from";
    const facts = {
      address,
      phase: this.phase,
      limit,
      elapsedMs: limit,
      setting: "DYN_HTTP_REQUEST_TIMEOUT",
    };
    const message = `${what} ${address} within ${limit} ms`;
    this.fail(new RequestPlaneError("deadline_exceeded", message, { facts }));
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
