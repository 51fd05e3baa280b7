import type { DiscoveryEvent } from "@dynamo/request-plane-core";
import type { RecordWatch } from "./record-watch.ts";

/**
 * An iterable that opens a watch when somebody begins to iterate, and ends it when the signal aborts. So a watch
 * that nobody reads costs nothing. `open` returns `undefined` when there is nothing to watch any more.
 */
export function watchable(
  signal: AbortSignal | undefined,
  open: (onEnd: () => void) => RecordWatch | undefined,
): AsyncIterable<DiscoveryEvent> {
  return {
    [Symbol.asyncIterator]() {
      if (signal?.aborted) return noEvents();
      const watch = open(() => signal?.removeEventListener("abort", abort));
      function abort(): void {
        watch?.end();
      }
      signal?.addEventListener("abort", abort);
      return watch ?? noEvents();
    },
  };
}

async function* noEvents(): AsyncGenerator<DiscoveryEvent, undefined> {
  /* Ends at once. */
}
