/** How many files are open at the same time. */
const BATCH_SIZE = 32;

/** Does the work for every item, a batch at a time, so that a large directory doesn't use up the file descriptors. */
export async function inBatches<T, R>(items: Iterable<T>, work: (item: T) => Promise<R>): Promise<R[]> {
  const rest = [...items];
  const results: R[] = [];
  while (rest.length > 0) results.push(...(await Promise.all(rest.splice(0, BATCH_SIZE).map(work))));
  return results;
}
