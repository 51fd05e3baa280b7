/**
 * The requests under way: each has a signal that aborts when its client is gone, and together they are what a
 * shutdown waits for.
 */
import type { ServerResponse } from "node:http";
import { RequestPlaneError } from "@dynamo/request-plane-core";

export class RunningRequests {
  readonly #running = new Map<ServerResponse, AbortController>();
  #draining = false;
  #onIdle: (() => void) | undefined;

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
    response.once("close", () => {
      this.#running.delete(response);
      if (!response.writableFinished)
        controller.abort(new RequestPlaneError("cancelled", "The client is gone"));
      if (this.#running.size === 0) this.#onIdle?.();
    });
  }

  /** Aborts when the client is gone or the frontend has to end; the reason is a `RequestPlaneError`. */
  signalOf(response: ServerResponse): AbortSignal {
    const gone = new RequestPlaneError("cancelled", "The client is gone");
    return this.#running.get(response)?.signal ?? AbortSignal.abort(gone);
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

const FAREWELL_MS = 500;
