/**
 * A case as data: both front ends run the same list.
 */
import type { FixtureSettings } from "./fixture.ts";
import type { PlaneFacts } from "./plane-facts.ts";
import type { World } from "./world/world.ts";

export type Group =
  | "delivery"
  | "streaming"
  | "end and errors"
  | "cancellation"
  | "deadlines"
  | "back pressure"
  | "limits"
  | "concurrency"
  | "lifecycle"
  | "reconnection"
  | "address forms"
  | "headers and metadata"
  | "bad peers";

export interface ConformanceCase {
  readonly group: Group;
  /** What the case proves. Unique within its group. */
  readonly name: string;
  /** Without all of these the case is not run, and the reason is reported. */
  readonly requires?: readonly Requirement[];
  readonly settings?: Partial<FixtureSettings>;
  /** Rejects when the plane is not as it should be. */
  readonly run: (world: World) => Promise<void>;
}

export type Requirement = keyof typeof REQUIREMENTS;

interface RequirementRow {
  readonly holds: (plane: PlaneFacts) => boolean;
  /** Why a case is not run when it doesn't hold. */
  readonly reason: string;
}

const REQUIREMENTS = {
  "own worker": {
    holds: ({ ownWorker }: PlaneFacts) => ownWorker,
    reason: "the worker is not started by the kit",
  },
  "direct connection": {
    holds: ({ hasRoute, brokered }: PlaneFacts) => hasRoute && !brokered,
    reason: "addresses of this plane name no host that a proxy could stand in for",
  },
  "smaller server limit": {
    holds: (plane: PlaneFacts) => plane.serverMaxMessageBytes < plane.clientMaxMessageBytes,
    reason: "workers and callers of this plane share one limit",
  },
  "moderate client limit": {
    holds: (plane: PlaneFacts) => plane.clientMaxMessageBytes <= 64 * 1024 * 1024,
    reason: "the limit of this plane is larger than a test should allocate",
  },
} satisfies Record<string, RequirementRow>;

/** Why a case can't be run on this plane, or `undefined`. */
export function reasonNotToRun({ requires = [] }: ConformanceCase, plane: PlaneFacts): string | undefined {
  return requires.map((name) => REQUIREMENTS[name]).find(({ holds }) => !holds(plane))?.reason;
}

/** Fills in the group of each case. */
export function inGroup(group: Group, cases: readonly Omit<ConformanceCase, "group">[]): ConformanceCase[] {
  return cases.map((testCase) => ({ group, ...testCase }));
}
