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
  /** Calls or items in a second, as the case says. */
  readonly perSecond: number;
  /** Of whole calls, or to their first item, as the case says. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Rejects when a call does, or when an answer has another number of items than was asked for. */
export async function runLoad(client: SubjectClient, benchCase: BenchCase, limit: Limit): Promise<Sample> {
  const { kind, concurrency, items, timedTo } = benchCase;
  const request = requestFor(benchCase);
  const ask = callOf(client, kind);
  const latencies: number[] = [];
  const start = performance.now();
  const hasMore = "ms" in limit ? untilTime(start + limit.ms) : forCalls(limit.calls);
  const caller = async (): Promise<void> => {
    while (hasMore()) {
      const called = performance.now();
      let firstItem = NaN;
      const received = await ask(request, () => (firstItem = performance.now()));
      latencies.push((timedTo === "end" ? performance.now() : firstItem) - called);
      if (received !== items) throw new Error(`${received} items came instead of ${items}`);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const seconds = (performance.now() - start) / 1000;
  return sampleOf(latencies, benchCase, seconds);
}

function callOf(client: SubjectClient, kind: BenchCase["kind"]): SubjectClient["stream"] {
  if (kind === "unary") return (request) => client.unary(request);
  if (kind === "batches" && client.batches) return client.batches;
  return (request, onFirst) => client.stream(request, onFirst);
}

function untilTime(end: number): () => boolean {
  return () => performance.now() < end;
}

function forCalls(calls: number): () => boolean {
  let left = calls;
  return () => left-- > 0;
}

export function sampleOf(
  latencies: readonly number[],
  { items, counted }: Pick<BenchCase, "items" | "counted">,
  seconds: number,
): Sample {
  const calls = latencies.length;
  return {
    calls,
    items: calls * items,
    perSecond: (counted === "items" ? calls * items : calls) / seconds,
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
  };
}
