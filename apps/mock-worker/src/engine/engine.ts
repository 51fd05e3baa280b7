/** The engine of one worker: as many ranks as data parallelism has, each with a cache and a scheduler of its own. */
import type { Clock } from "./clock.ts";
import type { EngineOptions } from "./engine-options.ts";
import { EngineRank } from "./rank.ts";
import type { RankListener } from "./rank.ts";

export class Engine {
  readonly ranks: readonly EngineRank[];

  /** One rank for each listener. */
  constructor(options: EngineOptions, clock: Clock, listeners: readonly RankListener[]) {
    this.ranks = listeners.map((listener) => new EngineRank(options, clock, listener));
  }

  /** The rank that was asked for, or of all the one with the fewest requests; `undefined` when there is no such rank. */
  rank(wanted: number | undefined): EngineRank | undefined {
    if (wanted !== undefined) return this.ranks[wanted];
    return this.ranks.reduce((best, rank) => (rank.requests < best.requests ? rank : best));
  }
}
