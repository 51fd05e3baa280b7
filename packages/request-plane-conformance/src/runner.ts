import type { ResponseMode } from "@dynamo/request-plane-core";
import { reasonNotToRun } from "./case.ts";
import type { ConformanceCase, Group } from "./case.ts";
import { DEFAULT_SETTINGS } from "./fixture.ts";
import type { TransportFactory } from "./fixture.ts";
import type { ResourceLedger } from "./ledger.ts";
import { until, within } from "./waiting.ts";
import { World } from "./world/world.ts";
import type { ForeignWorker } from "./world/world.ts";

export type CaseOutcome =
  | { readonly status: "passed" }
  /** `reason` says what the plane lacks. */
  | { readonly status: "not run"; readonly reason: string }
  | { readonly status: "failed"; readonly error: Error };

export type CaseResult = CaseOutcome & {
  readonly group: Group;
  readonly name: string;
  readonly durationMs: number;
};

export interface RunOptions {
  readonly factory: TransportFactory;
  readonly ledger: ResourceLedger;
  /** Which way responses come back. Default `auto`: in-band where the plane can do that. */
  readonly responses?: ResponseMode;
  /** A worker to be tested from outside. Default: the kit starts workers of its own. */
  readonly foreign?: ForeignWorker;
  /** How long one case may take, in milliseconds, without what it takes to close. Default 30 000. */
  readonly caseTimeoutMs?: number;
}

const CASE_TIMEOUT_MS = 30_000;
/** How long sockets and timers may take to be gone when everything is closed. */
const RELEASE_MS = 3_000;
/** How long a factory may take to make a plane, and to take it apart. */
const FIXTURE_MS = 10_000;

/** Runs one case on a fresh plane and looks whether all it opened was given back. Never rejects. */
export async function runCase(testCase: ConformanceCase, options: RunOptions): Promise<CaseResult> {
  const startedAt = performance.now();
  const account = options.ledger.open();
  let outcome = await account.run(() => attempt(testCase, options).catch(failed));
  await until("all is given back", () => account.held().length === 0, RELEASE_MS).catch(() => undefined);
  const held = account.held();
  if (held.length > 0) outcome = withHeld(outcome, `Left open: ${held.join(", ")}`);
  const { group, name } = testCase;
  return { ...outcome, group, name, durationMs: performance.now() - startedAt };
}

async function attempt(
  testCase: ConformanceCase,
  { factory, responses, foreign, caseTimeoutMs = CASE_TIMEOUT_MS }: RunOptions,
): Promise<CaseOutcome> {
  const settings = { ...DEFAULT_SETTINGS, ...testCase.settings };
  const fixture = await within("Making the plane", Promise.resolve(factory(settings)), FIXTURE_MS);
  const world = new World(fixture, { responses, foreign });
  const teardown = (): Promise<void> =>
    within("The teardown of the plane", fixture.teardown?.() ?? Promise.resolve(), FIXTURE_MS);
  const reason = reasonNotToRun(testCase, world.facts);
  if (reason !== undefined) {
    await teardown();
    return { status: "not run", reason };
  }
  // All is closed in any case; the first error is the one that says what is wrong.
  const body = (): Promise<void> => within("The case", testCase.run(world), caseTimeoutMs);
  let outcome: CaseOutcome = { status: "passed" };
  for (const step of [body, () => world.quiet(), () => world.close(), teardown]) {
    const ended = await step().then(() => undefined, failed);
    if (outcome.status === "passed" && ended) outcome = ended;
  }
  return outcome;
}

/** What is left open comes second to what went wrong before. */
function withHeld(outcome: CaseOutcome, held: string): CaseOutcome {
  if (outcome.status !== "failed") return failed(new Error(held));
  outcome.error.message += ` (${held})`;
  return outcome;
}

function failed(error: unknown): CaseOutcome {
  return {
    status: "failed",
    error: error instanceof Error ? error : new Error(String(error), { cause: error }),
  };
}
