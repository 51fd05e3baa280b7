/** One timer for all links of a side, while there are any. It does not keep the process alive. */
export class Heartbeat {
  readonly #intervalMs: number;
  readonly #onBeat: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(intervalMs: number, onBeat: () => void) {
    this.#intervalMs = intervalMs;
    this.#onBeat = onBeat;
  }

  start(): void {
    this.#timer ??= setInterval(this.#onBeat, this.#intervalMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
