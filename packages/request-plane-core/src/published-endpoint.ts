import type { Registration } from "./discovery.ts";
import type { CloseOptions, ServedEndpoint } from "./endpoint.ts";
import type { EndpointWorker } from "./endpoint-worker.ts";
import type { Instance } from "./instance.ts";

/** Default of {@link CloseOptions.drainMs}. */
const DRAIN_MS = 30_000;

export interface ServedEndpointParts {
  readonly instance: Instance;
  readonly worker: EndpointWorker<never, unknown>;
  readonly registration: Registration;
  /** Takes the endpoint off its plane. */
  readonly unplug: () => Promise<void>;
}

/** An endpoint that callers can find, and the way to take it away in good order. */
export class PublishedEndpoint implements ServedEndpoint {
  readonly #parts: ServedEndpointParts;
  #closed: Promise<void> | undefined;

  constructor(parts: ServedEndpointParts) {
    this.#parts = parts;
  }

  get instance(): Instance {
    return this.#parts.instance;
  }

  get inFlight(): number {
    return this.#parts.worker.inFlight;
  }

  close(options: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close(options.drainMs ?? DRAIN_MS);
    return this.#closed;
  }

  /** Callers that have not seen yet that it left discovery are served while others are still running. */
  async #close(drainMs: number): Promise<void> {
    const { worker, registration, unplug } = this.#parts;
    try {
      await registration.unregister();
    } finally {
      await worker.drain(drainMs);
      await unplug();
      worker.cut();
    }
  }
}
