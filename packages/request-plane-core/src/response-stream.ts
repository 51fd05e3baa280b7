import type { Annotated } from "./annotated.ts";
import { RequestPlaneError } from "./errors.ts";
import type { InstanceId } from "./instance.ts";
import { END, WAIT } from "./response-reader.ts";
import type { ResponseReader } from "./response-reader.ts";

/**
 * The items of one response.
 *
 * Iteration ends cleanly only when the worker said that the response is whole. Everything else throws a
 * `RequestPlaneError`: an error item of the worker, a connection that ends too early, a bound that runs out.
 * Leaving the loop kills the request at the worker. A stream can be iterated once. One that is not wanted
 * any more must be cancelled: until it ends, it holds a connection.
 */
export class ResponseStream<T> implements AsyncIterable<T>, AsyncDisposable {
  /** The request's id. */
  readonly id: string;
  /** The instance that answers. */
  readonly instance: InstanceId;
  readonly #reader: ResponseReader<T>;
  #iterated = false;

  /** Made by a client's call, from a reader that is open. */
  constructor(id: string, instance: InstanceId, reader: ResponseReader<T>) {
    this.id = id;
    this.instance = instance;
    this.#reader = reader;
  }

  /** The data of each item. Items without data, such as annotations, are passed over. */
  [Symbol.asyncIterator](): AsyncIterator<T, void> {
    return new ItemIterator(this.#takeReader(), (item: Annotated<T>) => item.data);
  }

  /** Each item with its envelope. */
  annotated(): AsyncIterable<Annotated<T>> {
    return {
      [Symbol.asyncIterator]: () => new ItemIterator(this.#takeReader(), (item: Annotated<T>) => item),
    };
  }

  /** Asks the worker to come to an end. What it still sends can be read, and no end mark is needed. */
  stop(): void {
    this.#reader.stop();
  }

  /** Kills the request at the worker. A loop that waits throws `cancelled`. Does nothing after the end. */
  cancel(reason?: unknown): void {
    const message = "The caller cancelled the request";
    this.#reader.cancel(new RequestPlaneError("cancelled", message, { cause: reason }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
  }

  /** Two loops would take each other's items. */
  #takeReader(): ResponseReader<T> {
    if (this.#iterated) throw new RequestPlaneError("invalid_argument", "A response can be iterated once");
    this.#iterated = true;
    return this.#reader;
  }
}

/** Written by hand, since a generator costs several times more per item. */
class ItemIterator<T, V> implements AsyncIterator<V, void> {
  readonly #reader: ResponseReader<T>;
  readonly #valueOf: (item: Annotated<T>) => V | undefined;
  /** The call of `next` that waits; a further one waits for it. */
  #waiting: Promise<unknown> | undefined;

  constructor(reader: ResponseReader<T>, valueOf: (item: Annotated<T>) => V | undefined) {
    this.#reader = reader;
    this.#valueOf = valueOf;
  }

  next(): Promise<IteratorResult<V, void>> {
    if (this.#waiting) return this.#waiting.then(() => this.next());
    try {
      for (;;) {
        const item = this.#reader.take();
        if (item === WAIT) return this.#wait();
        if (item === END) return Promise.resolve({ done: true, value: undefined });
        const value = this.#valueOf(item);
        if (value !== undefined) return Promise.resolve({ done: false, value });
      }
    } catch (error) {
      return Promise.reject(RequestPlaneError.from(error));
    }
  }

  return(): Promise<IteratorResult<V, void>> {
    this.#reader.cancel(new RequestPlaneError("cancelled", "The caller left the stream"));
    return Promise.resolve({ done: true, value: undefined });
  }

  async #wait(): Promise<IteratorResult<V, void>> {
    const item = this.#reader.next();
    this.#waiting = item.catch(() => undefined);
    try {
      const arrived = await item;
      if (arrived === END) return { done: true, value: undefined };
      const value = this.#valueOf(arrived);
      if (value !== undefined) return { done: false, value };
    } finally {
      this.#waiting = undefined;
    }
    return this.next();
  }
}
