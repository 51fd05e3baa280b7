import { CASES } from "./cases.ts";
import type { ConformanceCase } from "./case.ts";
import { ResourceLedger } from "./ledger.ts";
import { runCase } from "./runner.ts";
import type { CaseResult, RunOptions } from "./runner.ts";

export interface ConformanceOptions extends Omit<RunOptions, "ledger"> {
  /** Cases to run. Default: all. */
  readonly cases?: readonly ConformanceCase[];
  /** Cases at the same time. Default 4. */
  readonly concurrency?: number;
  readonly onResult?: (result: CaseResult) => void;
}

export interface ConformanceReport {
  readonly passed: number;
  readonly failed: number;
  readonly notRun: number;
  readonly durationMs: number;
  /** In the order of the list of cases. */
  readonly results: readonly CaseResult[];
}

/** Runs cases without a test framework. Rejects never: what goes wrong is in the report. */
export async function runConformance(options: ConformanceOptions): Promise<ConformanceReport> {
  const { cases = CASES, concurrency = 4, onResult, ...rest } = options;
  const startedAt = performance.now();
  using ledger = new ResourceLedger();
  const results: CaseResult[] = [];
  const queue = cases.entries();
  const work = async (): Promise<void> => {
    for (const [index, testCase] of queue) {
      const result = await runCase(testCase, { ...rest, ledger });
      results[index] = result;
      onResult?.(result);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  const count = (status: CaseResult["status"]): number => results.filter((r) => r.status === status).length;
  return {
    passed: count("passed"),
    failed: count("failed"),
    notRun: count("not run"),
    durationMs: performance.now() - startedAt,
    results,
  };
}
