/**
 * The requests under way: each has a signal that aborts when its client is gone, and together they are what a
 * shutdown waits for.
 */
import type { ServerResponse } from "node:http";
import { RequestPlaneError } from "@dynamo/request-plane-core";

/** How long requests that were cut may take to say so. */
const FAREWELL_MS = 500;

export class RunningRequests {
  readonly #stallMs: number;
  readonly #running = new Map<ServerResponse, AbortController>();
  #draining = false;
  #onIdle: (() => void) | undefined;

  /** @param stallMs how long a client may read nothing of what waits for it; 0 is for ever */
  constructor(stallMs: number) {
    this.#stallMs = stallMs;
  }

  get size(): number {
    return this.#running.size;
  }

  /** Whether new requests are to be refused. */
  get isDraining(): boolean {
    return this.#draining;
  }

  /** Follows a response until it is written or its client is gone. */
  begin(response: ServerResponse): void {
    if (response.destroyed) return;
    const controller = new AbortController();
    this.#running.set(response, controller);
    // The time-out is one of silence: when nothing waits for the client, it is the worker that is silent.
    response.setTimeout(this.#stallMs, () => response.writableLength > 0 && response.destroy());
    response.once("close", () => {
      this.#running.delete(response);
      if (!response.writableFinished) controller.abort(clientIsGone());
      if (this.#running.size === 0) this.#onIdle?.();
    });
  }

  /** Aborts when the client is gone or the frontend has to end; the reason is a `RequestPlaneError`. */
  signalOf(response: ServerResponse): AbortSignal {
    return this.#running.get(response)?.signal ?? AbortSignal.abort(clientIsGone());
  }

  /**
   * Takes no more requests, waits for those under way, then cuts the ones that are over the budget and gives
   * them a moment to tell their clients.
   */
  async drain(budgetMs: number): Promise<void> {
    this.#draining = true;
    await this.#idle(budgetMs);
    for (const controller of this.#running.values()) {
      controller.abort(new RequestPlaneError("unavailable", "The frontend is shutting down"));
    }
    await this.#idle(FAREWELL_MS);
  }

  #idle(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#onIdle?.(), ms);
      this.#onIdle = () => {
        clearTimeout(timer);
        this.#onIdle = undefined;
        resolve();
      };
      if (this.#running.size === 0) this.#onIdle();
    });
  }
}

function clientIsGone(): RequestPlaneError {
  return new RequestPlaneError("cancelled", "The client is gone");
}
