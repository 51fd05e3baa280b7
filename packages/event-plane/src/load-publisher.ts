import type { EngineLoadOfRank } from "./event-plane.ts";

/** Sends the last report of each rank, once in a turn of the event loop: engines report after every step. */
export class LoadPublisher {
  readonly #send: (load: EngineLoadOfRank) => void;
  readonly #latest = new Map<number, EngineLoadOfRank>();
  #flushing: NodeJS.Immediate | undefined;

  constructor(send: (load: EngineLoadOfRank) => void) {
    this.#send = send;
  }

  report(load: EngineLoadOfRank): void {
    this.#latest.set(load.dpRank, load);
    this.#flushing ??= setImmediate(() => this.flush());
  }

  flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    for (const load of this.#latest.values()) this.#send(load);
    this.#latest.clear();
  }
}
