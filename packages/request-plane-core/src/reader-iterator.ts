import { RequestPlaneError } from "./errors.ts";
import { END, WAIT } from "./response-reader.ts";
import type { ResponseReader } from "./response-reader.ts";

/** Takes what an iteration hands out, as soon as it is here. Throws once the error that ended the response. */
export type Take<T, V> = (reader: ResponseReader<T>) => V | typeof END | typeof WAIT;

/** Written by hand, since a generator costs several times more per item. */
export class ReaderIterator<T, V> implements AsyncIterator<V, void> {
  readonly #reader: ResponseReader<T>;
  readonly #take: Take<T, V>;
  /** The call of `next` that waits; a further one waits for it. */
  #waiting: Promise<unknown> | undefined;

  constructor(reader: ResponseReader<T>, take: Take<T, V>) {
    this.#reader = reader;
    this.#take = take;
  }

  next(): Promise<IteratorResult<V, void>> {
    if (this.#waiting) return this.#afterwards(this.#waiting);
    try {
      const value = this.#take(this.#reader);
      if (value === END) return Promise.resolve({ done: true, value: undefined });
      if (value !== WAIT) return Promise.resolve({ done: false, value });
    } catch (error) {
      return Promise.reject(RequestPlaneError.from(error));
    }
    return this.#wait();
  }

  return(): Promise<IteratorResult<V, void>> {
    this.#reader.cancel(new RequestPlaneError("cancelled", "The caller left the stream"));
    return Promise.resolve({ done: true, value: undefined });
  }

  #wait(): Promise<IteratorResult<V, void>> {
    const result = new Promise<IteratorResult<V, void>>((resolve, reject) => {
      const settle = (): void => {
        try {
          const value = this.#take(this.#reader);
          if (value === WAIT) {
            this.#reader.wait(settle);
            return;
          }
          this.#waiting = undefined;
          resolve(value === END ? { done: true, value: undefined } : { done: false, value });
        } catch (error) {
          this.#waiting = undefined;
          reject(RequestPlaneError.from(error));
        }
      };
      this.#reader.wait(settle);
    });
    this.#waiting = result;
    return result;
  }

  async #afterwards(waiting: Promise<unknown>): Promise<IteratorResult<V, void>> {
    await waiting.catch(() => undefined);
    return this.next();
  }
}
