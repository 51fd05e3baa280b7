import type { Annotated } from "../../src/annotated.ts";
import type { RequestPlaneError } from "../../src/errors.ts";
import { ResponseBuffer } from "../../src/response-buffer.ts";
import { ResponseReader, WAIT } from "../../src/response-reader.ts";
import type { END, ReaderOwner } from "../../src/response-reader.ts";
import type { Timeouts } from "../../src/timeouts.ts";
import { Waits } from "../../src/waits.ts";

const UNBOUNDED: Timeouts = { establishMs: 0, firstItemMs: 0, betweenItemsMs: 0, totalMs: 0 };

/** Whoever asked for a response, with promises. */
export class Asker implements ReaderOwner {
  readonly closings: (RequestPlaneError | undefined)[] = [];
  readonly #opening = Promise.withResolvers<undefined>();

  constructor() {
    // Not every test waits for it.
    this.#opening.promise.catch(() => undefined);
  }

  opened(): void {
    this.#opening.resolve(undefined);
  }

  closed(error: RequestPlaneError | undefined): void {
    this.closings.push(error);
    if (error) this.#opening.reject(error);
  }

  /** Resolves when the reader is open; the delivery is what the transport says. */
  async open(reader: ResponseReader<unknown>, delivery: Promise<unknown>): Promise<void> {
    reader.open();
    delivery.then(
      () => reader.acknowledged(),
      (error: unknown) => reader.undelivered(error as RequestPlaneError),
    );
    await this.#opening.promise;
  }
}

export interface Reading<T> {
  readonly buffer: ResponseBuffer;
  readonly reader: ResponseReader<T>;
  readonly asker: Asker;
}

export function reading<T>(bufferBytes: number, timeouts: Partial<Timeouts> = {}): Reading<T> {
  const buffer = new ResponseBuffer({ bufferBytes, maxFrameBytes: 2 ** 30 });
  const asker = new Asker();
  const bounds = { timeouts: { ...UNBOUNDED, ...timeouts }, waits: new Waits() };
  return { buffer, asker, reader: new ResponseReader<T>(buffer, bounds, asker) };
}

/** The next item, as soon as it is here. */
export async function nextOf<T>(reader: ResponseReader<T>): Promise<Annotated<T> | typeof END> {
  for (;;) {
    const item = reader.take();
    if (item !== WAIT) return item;
    await new Promise<void>((resolve) => reader.wait(resolve));
  }
}
