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
  readonly #timeoutMs: number;
  readonly #timer: NodeJS.Timeout;

  constructor(request: OutboundRequest, timeoutMs: number) {
    this.request = request;
    this.#timeoutMs = timeoutMs;
    this.#timer = setTimeout(() => this.fail(this.#timedOut()), timeoutMs);
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

  /** Nothing is waited for any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.request.signal?.removeEventListener("abort", this.#abort);
  }

  readonly #abort = (): void => {
    const cause: unknown = this.request.signal?.reason;
    this.fail(new RequestPlaneError("cancelled", "Aborted before it was acknowledged", { cause }));
  };

  #timedOut(): RequestPlaneError {
    const { address } = this.request;
    const limit = this.#timeoutMs;
    const what = this.phase === "connect" ? "No connection to" : "No acknowledgement from";
    return new RequestPlaneError("deadline_exceeded", `${what} ${address} within ${limit} ms`, {
      facts: { address, phase: this.phase, limit, elapsedMs: limit, setting: "DYN_HTTP_REQUEST_TIMEOUT" },
    });
  }
}
