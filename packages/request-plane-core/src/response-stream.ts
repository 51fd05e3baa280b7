import type { Annotated, JsonItem } from "./annotated.ts";
import { RequestPlaneError } from "./errors.ts";
import type { InstanceId } from "./instance.ts";
import { ReaderIterator } from "./reader-iterator.ts";
import type { Take } from "./reader-iterator.ts";
import { END, WAIT } from "./response-reader.ts";
import type { ResponseReader } from "./response-reader.ts";

/**
 * The items of one response.
 *
 * Iteration ends cleanly only when the worker said that the response is whole. Everything else throws a
 * `RequestPlaneError`: an error item of the worker, a connection that ends too early, a bound that runs out.
 * Leaving the loop kills the request at the worker. A stream can be iterated once, in one of its ways. One that is
 * not wanted any more must be cancelled: until it ends, it holds a connection, or a part of one.
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
    return this.#iterate((reader) => reader.takeData());
  }

  /** Each item with its envelope. */
  annotated(): AsyncIterable<Annotated<T>> {
    return { [Symbol.asyncIterator]: () => this.#iterate((reader) => reader.take()) };
  }

  /**
   * The data of all items that are here, at least one at a time, in arrays. Fewer steps than one item at a time
   * when items come faster than they are read.
   */
  batches(): AsyncIterable<T[]> {
    return {
      [Symbol.asyncIterator]: () => this.#iterate((reader) => takeAll(reader, (from) => from.takeData())),
    };
  }

  /**
   * Like {@link annotated}, but in batches and not parsed: an item that is nothing but data is the text that the
   * worker wrote, which is not known to be JSON. One with an event or a comment comes with its envelope.
   */
  jsonBatches(): AsyncIterable<JsonItem[]> {
    const takeJson: Take<T, JsonItem> = (reader) => reader.takeJson();
    return { [Symbol.asyncIterator]: () => this.#iterate((reader) => takeAll(reader, takeJson)) };
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
  #iterate<V>(take: Take<T, V>): AsyncIterator<V, void> {
    if (this.#iterated) throw new RequestPlaneError("invalid_argument", "A response can be iterated once");
    this.#iterated = true;
    return new ReaderIterator(this.#reader, take);
  }
}

/** All that is here. An error behind the last item is kept for the next time. */
function takeAll<T, V>(reader: ResponseReader<T>, take: Take<T, V>): V[] | typeof END | typeof WAIT {
  const items: V[] = [];
  try {
    for (;;) {
      const item = take(reader);
      if (item === END) return items.length === 0 ? END : items;
      if (item === WAIT) return items.length === 0 ? WAIT : items;
      items.push(item);
    }
  } catch (error) {
    if (items.length === 0) throw error;
    reader.postpone(RequestPlaneError.from(error));
    return items;
  }
}
