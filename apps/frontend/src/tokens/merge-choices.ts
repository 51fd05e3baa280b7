/** Several streams as one, in the order in which they bring something. */

/**
 * Ends when all have ended, and throws the first error. `cancel` is called when it is left before, so that streams which
 * wait come to an end.
 */
export async function* mergeStreams<Item>(
  streams: readonly AsyncIterable<Item>[],
  cancel: () => void,
): AsyncGenerator<Item, void, undefined> {
  const waiting = new Map<AsyncIterator<Item>, Promise<Arrival<Item>>>();
  const wait = (iterator: AsyncIterator<Item>): void => {
    waiting.set(
      iterator,
      iterator.next().then((result) => ({ iterator, result })),
    );
  };
  for (const stream of streams) wait(stream[Symbol.asyncIterator]());
  try {
    while (waiting.size > 0) {
      const { iterator, result } = await Promise.race(waiting.values());
      waiting.delete(iterator);
      if (result.done === true) continue;
      wait(iterator);
      yield result.value;
    }
  } finally {
    if (waiting.size > 0) cancel();
    await Promise.allSettled(waiting.values());
  }
}

interface Arrival<Item> {
  readonly iterator: AsyncIterator<Item>;
  readonly result: IteratorResult<Item>;
}
