import type { RequestContext } from "./endpoint.ts";
import { RequestPlaneError } from "./errors.ts";
import type { Controlled } from "./response-plane.ts";
import { deadlineExceeded, LONGEST_TIMER_MS } from "./timeouts.ts";
import type { Headers } from "./transport.ts";

/** How long the caller waits in all, in milliseconds, as a request header of ours. Others ignore it. */
export const TIMEOUT_HEADER = "x-dynamo-timeout-ms";

/**
 * The caller ends the call itself when its time is over. A handler is given that much longer, or a busy worker's timer
 * could be first, and the call would fail as `disconnected`.
 */
const GRACE_MS = 100;

const NONE: Headers = {};

/** What a handler knows of its request. */
export class HandlerContext implements RequestContext, Controlled {
  readonly id: string;
  readonly metadata: Headers;
  readonly deadline: number | undefined;
  /** What the handler made, where that waits: left as soon as the request is killed. */
  iterator: AsyncIterator<unknown> | undefined;
  readonly #headers: Headers;
  #state: "live" | "stopped" | "killed" = "live";
  /** Made when somebody asks for it: most handlers of short answers never do. */
  #controller: AbortController | undefined;
  #reason: RequestPlaneError | undefined;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(id: string, headers: Headers, metadata: Headers = NONE) {
    this.id = id;
    this.#headers = headers;
    this.metadata = metadata;
    const timeoutMs = Number(headers[TIMEOUT_HEADER]);
    if (timeoutMs > 0 && timeoutMs <= LONGEST_TIMER_MS - GRACE_MS) {
      this.deadline = Date.now() + timeoutMs;
      const expire = (): void => this.#end("killed", deadlineExceeded("total", timeoutMs));
      this.#timer = setTimeout(expire, timeoutMs + GRACE_MS);
    }
  }

  /** An in-band request doesn't say its id twice. */
  get headers(): Headers {
    return "request-id" in this.#headers ? this.#headers : { "request-id": this.id, ...this.#headers };
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason && !this.#controller.signal.aborted) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  get isStopped(): boolean {
    return this.#state !== "live";
  }

  get isKilled(): boolean {
    return this.#state === "killed";
  }

  /** The caller said so, or its connection did. */
  control(word: "stop" | "kill"): void {
    if (word === "stop")
      this.#end("stopped", new RequestPlaneError("cancelled", "The caller asked for an end"));
    else this.#end("killed", new RequestPlaneError("cancelled", "The caller reads no more"));
  }

  /**
   * A generator that waits for something else comes to its `finally` as soon as that is over. The caller is gone, so
   * nobody is left to hear of an error in there.
   */
  async leave(): Promise<void> {
    try {
      await this.iterator?.return?.();
    } catch {
      // See above.
    }
  }

  /** The handler is done; no timer is left. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #end(state: "stopped" | "killed", reason: RequestPlaneError): void {
    if (this.#state === "killed") return;
    this.#state = state;
    this.#reason ??= reason;
    this.#controller?.abort(this.#reason);
    if (state === "killed") void this.leave();
  }
}
