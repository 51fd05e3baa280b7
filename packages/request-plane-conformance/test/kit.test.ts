import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { CASES, describeTransport, memoryTransport, runConformance } from "../src/index.ts";
import type { CaseResult, ConformanceCase, DescribeOptions, TransportFactory } from "../src/index.ts";

const memory: TransportFactory = () => {
  const transport = memoryTransport();
  return { server: transport, client: transport };
};

function caseThat(run: ConformanceCase["run"], rest: Partial<ConformanceCase> = {}): ConformanceCase {
  return { group: "lifecycle", name: "of this test", run, ...rest };
}

async function resultOf(testCase: ConformanceCase, factory = memory): Promise<CaseResult> {
  const { results } = await runConformance({ factory, cases: [testCase], caseTimeoutMs: 300 });
  return results[0]!;
}

describe("the list of cases", () => {
  it("has names that are unique within their group, and no empty group", () => {
    const names = CASES.map(({ group, name }) => `${group}: ${name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(400);
    expect(new Set(CASES.map(({ group }) => group)).size).toBe(13);
  });
});

describe("a case", () => {
  it("that resolves has passed", async () => {
    expect(await resultOf(caseThat(async () => undefined))).toMatchObject({ status: "passed" });
  });

  it("that rejects has failed, with its error", async () => {
    const error = new Error("not as it should be");
    const result = await resultOf(caseThat(() => Promise.reject(error)));
    expect(result).toMatchObject({ status: "failed", error });
  });

  it("that doesn't end has failed within its bound", async () => {
    const result = await resultOf(caseThat(() => new Promise(() => undefined)));
    expect(result).toMatchObject({
      status: "failed",
      error: { message: "The case took longer than 300 ms" },
    });
  });

  it("that the plane can't answer is not run, and says why", async () => {
    let ran = false;
    const testCase = caseThat(async () => void (ran = true), { requires: ["direct connection"] });
    const result = await resultOf(testCase);
    expect(result).toMatchObject({ status: "not run", reason: expect.stringMatching(/no host/) as string });
    expect(ran).toBe(false);
  });

  it("whose plane can't be made has failed", async () => {
    const result = await resultOf(
      caseThat(async () => undefined),
      () => Promise.reject(new Error("no plane")),
    );
    expect(result).toMatchObject({ status: "failed", error: { message: "no plane" } });
  });

  it("ends with the teardown of its plane, also when it fails", async () => {
    let teardowns = 0;
    const teardown = async (): Promise<void> => void (teardowns += 1);
    const factory: TransportFactory = async (settings) => ({ ...(await memory(settings)), teardown });
    await resultOf(
      caseThat(async () => undefined),
      factory,
    );
    await resultOf(
      caseThat(() => Promise.reject(new Error("x"))),
      factory,
    );
    await resultOf(
      caseThat(async () => undefined, { requires: ["direct connection"] }),
      factory,
    );
    expect(teardowns).toBe(3);
  });

  it.each([
    ["a timer", "timer", () => setTimeout(() => undefined, 6_000)],
    [
      "an interval",
      "timer",
      () =>
        setInterval(() => undefined, 6_000)
          .unref()
          .ref(),
    ],
    ["a listener", "listener", () => createServer().listen(0, "127.0.0.1")],
  ])("that leaves %s behind has failed", async (_, kind, open) => {
    let left: ReturnType<typeof open> | undefined;
    const result = await resultOf(caseThat(async () => void (left = open())));
    if (left && "close" in left) left.close();
    expect(result).toMatchObject({ status: "failed", error: { message: `Left open: ${kind}` } });
  });

  it("is not blamed for what another one at the same time holds", async () => {
    const slow = caseThat(async () => new Promise((resolve) => setTimeout(resolve, 200)));
    const { passed } = await runConformance({
      factory: memory,
      cases: [slow, caseThat(async () => undefined)],
    });
    expect(passed).toBe(2);
  });

  it("that leaves a listener on a signal has failed", async () => {
    const result = await resultOf(
      caseThat(async (world) => world.controller().signal.addEventListener("abort", () => undefined)),
    );
    expect(result).toMatchObject({ error: { message: expect.stringMatching(/signals/) as string } });
  });

  it("that leaves a call running has failed", async () => {
    const result = await resultOf(
      caseThat(async (world) => {
        const { client } = await world.reference();
        await client.roundRobin({ do: "endless", key: "left", everyMs: 5 });
      }),
    );
    expect(result).toMatchObject({
      error: { message: expect.stringMatching(/nothing is under way/) as string },
    });
  });
});

describe("known failures", () => {
  /** Runs one case the way a test framework does; resolves with the reason for which it was skipped. */
  async function run(name: string, options: Partial<DescribeOptions>): Promise<string | undefined> {
    let body: Parameters<DescribeOptions["it"]>[1] | undefined;
    describeTransport(memory, {
      describe: (_, define) => define(),
      it: (title, test) => {
        if (title === name) body = test;
      },
      ...options,
    });
    let skipped: string | undefined;
    await body?.({ skip: (reason) => (skipped = reason) });
    return skipped;
  }
  const name = "an array can be served";
  const failure = { group: "streaming", name, reason: "for a test" } as const;

  it("must fail: one that passes is an error", async () => {
    await expect(run(name, { knownFailures: [failure] })).rejects.toThrow(/Passes now.*for a test/);
    expect(await run(name, {})).toBeUndefined();
  });

  it("must be cases of the kit", async () => {
    const unknown = { ...failure, name: "no such case" };
    await expect(run(name, { knownFailures: [unknown] })).rejects.toThrow(/no case 'no such case'/);
  });

  it("that a plane can't run are skipped with the plane's reason", async () => {
    const direct = "a network that comes back in time costs nothing";
    expect(await run(direct, {})).toMatch(/no host/);
  });
});
