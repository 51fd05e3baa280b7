/** Where the next event of a source stands to those before it. */
export type Arrival = "next" | "seen" | "gap";

/**
 * How far the events of one source (a worker's rank) are known. Never goes back: what was taken in once is not
 * taken in again, whatever ids a dump of the worker's state carries.
 */
export class EventCursor {
  /** Id of the last event taken in; `undefined` before the first. */
  #last: number | undefined;

  get last(): number | undefined {
    return this.#last;
  }

  /** The first event of all fits, whatever its id: numbering begins at 0 in Dynamo 0.7 and at 1 in 1.6. */
  classify(eventId: number): Arrival {
    if (this.#last === undefined || eventId === this.#last + 1) return "next";
    return eventId <= this.#last ? "seen" : "gap";
  }

  advance(eventId: number): void {
    if (this.#last === undefined || eventId > this.#last) this.#last = eventId;
  }
}
