import { stripVTControlCharacters } from "node:util";

/** What vitest reported, added up over all packages. */
export interface TestCount {
  passed: number;
  failed: number;
}

/**
 * Counts the tests in lines of vitest's own summary, which turbo prefixes with the name of the package:
 *
 *     @dynamo/discovery:test:  Test Files  1 failed | 2 passed (3)
 *     @dynamo/discovery:test:       Tests  24 passed (24)
 *
 *     @dynamo/discovery:test:  FAIL  test/slug.test.ts > a slug > is short
 *     @dynamo/discovery:test: SECOND TRY  test/slug.test.ts > a slug > is short
 *
 * A file that fails before it declares a test has no line among the tests, so it counts as one failure. So does
 * a package without tests.
 */
export class Summary {
  #passed = 0;
  readonly #failed = new Map<string, TestFailures>();
  readonly #failures = new Set<string>();
  readonly #secondTries = new Set<string>();

  add(line: string): void {
    const match = /^(\S+):test: +(.*)$/.exec(stripVTControlCharacters(line));
    const [, task = "", text = ""] = match ?? [];
    const [, verdict, test = ""] = /^(FAIL|SECOND TRY) +(.*)$/.exec(text) ?? [];
    if (verdict === "FAIL") this.#failures.add(`${task}: ${test}`);
    if (verdict === "SECOND TRY") this.#secondTries.add(`${task}: ${test}`);
    if (text.startsWith("No test files found")) this.#failed.set(task, { files: 1, tests: 0 });
    const [, kind, counts = ""] = /^(Test Files|Tests) +(.*\(\d+\))\s*$/.exec(text) ?? [];
    if (kind === undefined) return;
    const failures = this.#failed.get(task) ?? { files: 0, tests: 0 };
    this.#failed.set(task, failures);
    if (kind === "Test Files") failures.files += count(counts, "failed");
    else {
      failures.tests += count(counts, "failed");
      this.#passed += count(counts, "passed");
    }
  }

  /** Package, file and name of each test that failed, for the end of an output in which they are hard to find. */
  get failures(): readonly string[] {
    return [...this.#failures];
  }

  /** The same of each that passed only at its second try. */
  get secondTries(): readonly string[] {
    return [...this.#secondTries];
  }

  /** Undefined when no package ran a test. */
  get total(): TestCount | undefined {
    if (this.#failed.size === 0) return undefined;
    let failed = 0;
    for (const { files, tests } of this.#failed.values()) failed += Math.max(files, tests);
    return { passed: this.#passed, failed };
  }
}

interface TestFailures {
  files: number;
  tests: number;
}

function count(counts: string, outcome: string): number {
  const match = new RegExp(`(\\d+) ${outcome}`).exec(counts);
  return Number(match?.[1] ?? 0);
}
