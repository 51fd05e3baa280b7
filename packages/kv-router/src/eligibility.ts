import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { LeftOut } from "./explanation.ts";
import { slotsOf } from "./workers.ts";
import type { RegisteredRank, Workers } from "./workers.ts";

/** Which workers a request may go to. */
export interface Eligibility {
  /** Only these. */
  readonly allowed?: ReadonlySet<bigint>;
  /** Not these: workers that were tried and failed. */
  readonly excluded?: ReadonlySet<bigint>;
  /** Only this rank of them. */
  readonly dpRank?: number;
}

export interface Candidates {
  readonly ranks: readonly RegisteredRank[];
  readonly slots: Int32Array;
  readonly leftOut: readonly LeftOut[];
}

/**
 * The ranks that a request may go to, at least one.
 *
 * @param isBusy of a rank; a worker is busy when all its ranks are. Absent when nobody can be.
 * @param keepsBusy whether busy workers may be chosen as long as one is not busy, as in Dynamo 0.7.
 * @throws `no_instances` when no worker is there for the request, `overloaded` when all of them are busy.
 */
export function candidatesOf(
  { ranks, rankSlots }: Workers,
  { allowed, excluded, dpRank }: Eligibility,
  isBusy: ((rank: RegisteredRank) => boolean) | undefined,
  keepsBusy: boolean,
): Candidates {
  const isOpen = !allowed && !excluded && dpRank === undefined;
  if (ranks.length > 0 && isOpen && !isBusy) return { ranks, slots: rankSlots, leftOut: [] };
  const leftOut: LeftOut[] = [];
  const fits = ranks.filter((rank) => {
    const { workerId } = rank.worker;
    const isOtherRank = dpRank !== undefined && rank.dpRank !== dpRank;
    if (isOtherRank || (allowed && !allowed.has(workerId))) leftOut.push(leave(rank, "not_allowed"));
    else if (excluded?.has(workerId)) leftOut.push(leave(rank, "excluded"));
    else return true;
    return false;
  });
  if (fits.length === 0) throw noneFor(ranks.length);
  if (!isBusy) return { ranks: fits, slots: slotsOf(fits), leftOut };

  const hasRoom = new Set<bigint>();
  for (const rank of fits) if (!isBusy(rank)) hasRoom.add(rank.worker.workerId);
  if (hasRoom.size === 0) {
    throw new RequestPlaneError(
      "overloaded",
      `All workers are busy: ${fits.length} ranks are over a busy threshold`,
    );
  }
  if (keepsBusy) return { ranks: fits, slots: slotsOf(fits), leftOut };
  const free = fits.filter((rank) => {
    if (hasRoom.has(rank.worker.workerId)) return true;
    leftOut.push(leave(rank, "busy"));
    return false;
  });
  return { ranks: free, slots: slotsOf(free), leftOut };
}

function leave({ worker, dpRank }: RegisteredRank, why: LeftOut["why"]): LeftOut {
  return { workerId: worker.workerId, dpRank, why };
}

function noneFor(known: number): RequestPlaneError {
  const message = known === 0 ? "No workers are known" : `None of the ${known} ranks may take this request`;
  return new RequestPlaneError("no_instances", message);
}
