/**
 * What the bench and its processes say to each other over IPC. Every process answers with `ready` when it has
 * started, and ends on `stop` or when the channel closes.
 */
import type { Limit, Sample } from "./load.ts";
import type { BenchCase } from "./workload.ts";

export interface Stop {
  readonly type: "stop";
}

export interface Failed {
  readonly type: "failed";
  readonly message: string;
}

export interface ServerReady {
  readonly type: "ready";
  readonly address: string;
}

export interface ClientReady {
  readonly type: "ready";
}

/** Answered with {@link Done} or {@link Failed}. */
export interface Run {
  readonly type: "run";
  readonly benchCase: BenchCase;
  readonly limit: Limit;
}

/** To have so many answers held open, be it more or fewer than now. Answered with {@link Done} or {@link Failed}. */
export interface Hold {
  readonly type: "hold";
  readonly streams: number;
}

export interface Done {
  readonly type: "done";
  readonly sample: Sample;
}

/** Answered by every process with {@link Usage}. */
export interface AskUsage {
  readonly type: "usage";
}

export interface Usage {
  readonly type: "usage";
  /** Processor time that the process has used so far, in the kernel too. */
  readonly cpuMs: number;
  /** Its resident memory, after a garbage collection where node's `--expose-gc` allows one. */
  readonly residentBytes: number;
}
