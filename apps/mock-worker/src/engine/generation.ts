import type { FinishReason, Sequence } from "./sequence.ts";

/** Whom a generation tells what its reader does. */
export interface GenerationOwner {
  /** Tokens were taken that may have been waited for. */
  onRead(): void;
  onClose(): void;
}

/** The tokens of one answer, as the engine makes them, for one reader. */
export class Generation {
  readonly #sequence: Sequence;
  readonly #owner: GenerationOwner;
  #tokens: number[] = [];
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(sequence: Sequence, owner: GenerationOwner) {
    this.#sequence = sequence;
    this.#owner = owner;
  }

  /** Tokens of the prompt that were in the cache; known with the first token. */
  get cachedTokens(): number {
    return this.#sequence.cachedTokens ?? 0;
  }

  /** Why it came to an end; `undefined` while it hasn't, and when it was closed before. */
  get finishReason(): FinishReason | undefined {
    return this.#sequence.finishReason;
  }

  /** The tokens that came since the last time, one at least; none when it is over. */
  async tokens(): Promise<readonly number[]> {
    while (this.#tokens.length === 0 && !this.#isOver) await new Promise<void>((wake) => (this.#wake = wake));
    const tokens = this.#tokens;
    this.#tokens = [];
    this.#sequence.unread = 0;
    if (!this.#isOver) this.#owner.onRead();
    return tokens;
  }

  push(token: number): void {
    this.#tokens.push(token);
    this.#wake?.();
  }

  /** Ends it, whether it is over or not; nothing of it is left in the engine. May be called again. */
  close(): void {
    this.#isClosed = true;
    this.#tokens = [];
    this.#owner.onClose();
    this.#wake?.();
  }

  get #isOver(): boolean {
    return this.#isClosed || this.#sequence.finishReason !== undefined;
  }
}
