import type { ResponseMode } from "@dynamo/request-plane-core";
import { CASES } from "./cases.ts";
import type { ConformanceCase, Group } from "./case.ts";
import type { TransportFactory } from "./fixture.ts";
import { ResourceLedger } from "./ledger.ts";
import { runCase } from "./runner.ts";

/** What a test function is given, as far as the kit needs it. Vitest's and node:test's contexts fit. */
export interface TestContext {
  /** Marks the test as not run. */
  skip(reason: string): unknown;
}

/** The functions of a test framework. Vitest's fit as they are. */
export interface TestFunctions {
  readonly describe: (name: string, body: () => void) => unknown;
  /** `it.concurrent`, where there is one, makes the whole several times faster: no case disturbs another. */
  readonly it: (name: string, body: (context: TestContext) => Promise<void>, timeoutMs: number) => unknown;
}

export interface DescribeOptions extends TestFunctions {
  /** Which way responses come back. Default `auto`: in-band where the plane can do that, else call-home. */
  readonly responses?: ResponseMode;
  /** Cases of this transport that fail for a known reason. Each must fail: one that passes is reported. */
  readonly knownFailures?: readonly KnownFailure[];
}

export interface KnownFailure {
  readonly group: Group;
  readonly name: string;
  readonly reason: string;
}

/** Upper bound for one case with all its waits, so that the framework's own bound never comes first. */
const TEST_TIMEOUT_MS = 60_000;

/** Registers every case of the kit as a test: one `describe` for each group, one `it` for each case. */
export function describeTransport(factory: TransportFactory, options: DescribeOptions): void {
  const { describe, it, responses = "auto", knownFailures = [] } = options;
  const ledger = new ResourceLedger();
  assertKnown(knownFailures);
  for (const [group, cases] of Map.groupBy(CASES, (testCase) => testCase.group)) {
    describe(group, () => {
      for (const testCase of cases) {
        const known = knownFailures.find((failure) => isOf(testCase, failure));
        it(testCase.name, (context) => run(testCase, context, known), TEST_TIMEOUT_MS);
      }
    });
  }

  async function run(testCase: ConformanceCase, context: TestContext, known?: KnownFailure): Promise<void> {
    const result = await runCase(testCase, { factory, ledger, responses });
    if (result.status === "not run") context.skip(result.reason);
    else if (known) {
      if (result.status === "passed")
        throw new Error(`Passes now, though it is said to fail: ${known.reason}`);
      context.skip(`known to fail: ${known.reason}`);
    } else if (result.status === "failed") throw result.error;
  }
}

function isOf({ group, name }: ConformanceCase, failure: KnownFailure): boolean {
  return group === failure.group && name === failure.name;
}

function assertKnown(failures: readonly KnownFailure[]): void {
  for (const failure of failures) {
    if (CASES.some((testCase) => isOf(testCase, failure))) continue;
    throw new Error(`The kit has no case '${failure.name}' in the group '${failure.group}'`);
  }
}
