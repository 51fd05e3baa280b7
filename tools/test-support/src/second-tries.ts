import type { Reporter, TestCase, Vitest } from "vitest/node";

/** Tells of each test that failed at first, with the line that `tools/run` looks for and what failed. */
export class SecondTries implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestCaseResult(test: TestCase): void {
    if (!test.diagnostic()?.flaky) return;
    const errors = test.result().errors ?? [];
    const stacks = errors.map(({ stack = "", message }) => `${message}\n${ownLines(stack)}`);
    const name = `${test.module.relativeModuleId} > ${test.fullName}`;
    this.#vitest?.logger.log(`SECOND TRY  ${name}\n${stacks.join("\n")}`);
  }
}

/** Where it happened, without the lines of those who ran it. */
function ownLines(stack: string): string {
  const lines = stack.split("\n");
  return lines.filter((line) => line.startsWith("    at ") && !line.includes("node_modules")).join("\n");
}
