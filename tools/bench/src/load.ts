/**
 * Keeps a client busy and takes the time.
 */
import { percentile } from "./statistics.ts";
import type { SubjectClient } from "./subject.ts";
import { requestFor } from "./workload.ts";
import type { BenchCase } from "./workload.ts";

/** When a round is over; calls under way are always waited for. */
export type Limit = { readonly ms: number } | { readonly calls: number };

/** What one round of one case showed. */
export interface Sample {
  readonly calls: number;
  readonly items: number;
  /** Items in a second. For unary cases that is calls in a second. */
  readonly perSecond: number;
  /** Of whole calls: from the call to its last item. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Rejects when a call does, or when an answer has another number of items than was asked for. */
export async function runLoad(client: SubjectClient, benchCase: BenchCase, limit: Limit): Promise<Sample> {
  const { kind, concurrency, items } = benchCase;
  const request = requestFor(items);
  const latencies: number[] = [];
  const start = performance.now();
  const hasMore = "ms" in limit ? untilTime(start + limit.ms) : forCalls(limit.calls);
  const caller = async (): Promise<void> => {
    while (hasMore()) {
      const called = performance.now();
      const received = await client[kind](request);
      latencies.push(performance.now() - called);
      if (received !== items) throw new Error(`${received} items came instead of ${items}`);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const seconds = (performance.now() - start) / 1000;
  return describe(latencies, items, seconds);
}

function untilTime(end: number): () => boolean {
  return () => performance.now() < end;
}

function forCalls(calls: number): () => boolean {
  let left = calls;
  return () => left-- > 0;
}

function describe(latencies: number[], itemsPerCall: number, seconds: number): Sample {
  const items = latencies.length * itemsPerCall;
  return {
    calls: latencies.length,
    items,
    perSecond: items / seconds,
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
  };
}
