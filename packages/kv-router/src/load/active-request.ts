interface Identity {
  readonly requestId: string;
  readonly routerId: string | bigint;
  readonly slot: number;
  readonly startedAt: number;
}

interface Load {
  /** Blocks in use, as `ActiveBlocks` names them. */
  readonly held: Int32Array;
  readonly prefillTokens: number;
}

interface Owner {
  prefillCompleted(request: ActiveRequest): void;
  released(request: ActiveRequest): void;
}

/**
 * A request that counts against a worker. Release it when its stream is over, however it ended; `using` does
 * it by itself. Everything may be called at any time and any number of times.
 */
export class ActiveRequest implements Disposable {
  readonly requestId: string;
  readonly routerId: string | bigint;
  readonly slot: number;
  readonly startedAt: number;
  readonly #owner: Owner;
  #held: Int32Array | undefined;
  #prefillTokens: number | undefined;

  constructor(identity: Identity, load: Load, owner: Owner) {
    this.requestId = identity.requestId;
    this.routerId = identity.routerId;
    this.slot = identity.slot;
    this.startedAt = identity.startedAt;
    this.#held = load.held;
    this.#prefillTokens = load.prefillTokens;
    this.#owner = owner;
  }

  get isReleased(): boolean {
    return this.#held === undefined;
  }

  /** Call it with the first item of the response: the worker has computed the prompt. */
  prefillCompleted(): void {
    this.#owner.prefillCompleted(this);
  }

  release(): void {
    this.#owner.released(this);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /** What is still held, for the first who asks. For the owner. */
  takeHeld(): Int32Array | undefined {
    const held = this.#held;
    this.#held = undefined;
    return held;
  }

  /** The prompt tokens still to be computed, for the first who asks. For the owner. */
  takePrefillTokens(): number | undefined {
    const tokens = this.#prefillTokens;
    this.#prefillTokens = undefined;
    return tokens;
  }
}
