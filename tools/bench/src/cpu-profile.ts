/**
 * Reads what `node --cpu-prof` writes: which functions the time was spent in.
 */
interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  /** From 0. */
  readonly lineNumber: number;
}

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  /** Ids of the nodes that were called from here. */
  readonly children?: readonly number[];
}

/** The parts of a `.cpuprofile` that are used here. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** The node on top of the stack, sample by sample. */
  readonly samples: readonly number[];
  /** Microseconds from the sample before to this one. */
  readonly timeDeltas: readonly number[];
}

export interface SelfTime {
  /** Function and place, for example `write (packages/x/src/y.ts:12)`. */
  readonly where: string;
  readonly ms: number;
  /** Of the time in which the process was not idle. */
  readonly share: number;
}

/** V8's name for waiting. */
const IDLE = "(idle)";

/** The functions with most time of their own, the largest first. */
export function topSelfTimes(profile: CpuProfile, count: number): SelfTime[] {
  const placeOf = placesOf(profile.nodes);
  const times = new Map<string, number>();
  profile.samples.forEach((id, index) => {
    const where = placeOf.get(id) ?? "(unknown)";
    // A sample stands for the time up to the next one.
    times.set(where, (times.get(where) ?? 0) + (profile.timeDeltas[index + 1] ?? 0) / 1000);
  });
  times.delete(IDLE);
  const busyMs = [...times.values()].reduce((total, ms) => total + ms, 0);
  return [...times]
    .map(([where, ms]) => ({ where, ms, share: busyMs === 0 ? 0 : ms / busyMs }))
    .sort((a, b) => b.ms - a.ms)
    .slice(0, count);
}

function placesOf(nodes: readonly ProfileNode[]): ReadonlyMap<number, string> {
  const callerOf = new Map(
    nodes.flatMap(({ callFrame, children = [] }) => children.map((id) => [id, callFrame] as const)),
  );
  return new Map(
    nodes.map(({ id, callFrame }) => {
      const isNamelessNative = callFrame.functionName === "" && callFrame.url === "";
      const caller = isNamelessNative ? callerOf.get(id) : undefined;
      return [id, caller ? `native code below ${describe(caller)}` : describe(callFrame)];
    }),
  );
}

/** Function and place. */
export function describe({ functionName, url, lineNumber }: CallFrame): string {
  const name = functionName || "(anonymous)";
  return url === "" ? name : `${name} (${shortened(url)}:${lineNumber + 1})`;
}

/** A path from the workspace's or the package's folder on. */
function shortened(url: string): string {
  const path = url.replace(/^.*\/node_modules\//, "");
  return path === url ? url.replace(/^.*\/(?=(packages|tools|apps)\/)/, "") : path;
}
