/**
 * What is counted with each request and each token of one model. These are plain numbers, which cost next to nothing
 * to change; they become metrics when somebody asks for them.
 */
export class ModelTally {
  /** Requests that were taken and not answered to the end. */
  active = 0;
  /** Those of them that wait for their first token. */
  queued = 0;
  outputTokens = 0;
}

/** One tally for each model that a request ever named and that was there. */
export class ModelTallies {
  readonly #tallies = new Map<string, ModelTally>();

  of(model: string): ModelTally {
    let tally = this.#tallies.get(model);
    if (!tally) this.#tallies.set(model, (tally = new ModelTally()));
    return tally;
  }

  entries(): Iterable<[model: string, tally: ModelTally]> {
    return this.#tallies;
  }
}
