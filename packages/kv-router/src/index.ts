/**
 * KV-aware routing: what routers need, then the parts that it is made of.
 */

// For routers.
export { KvRouter } from "./router.ts";
export type { Decision, KvRouterOptions, Reservation, RouteOverride, RouteRequest } from "./router.ts";
export { promptOf } from "./prompt.ts";
export type { Prompt } from "./prompt.ts";
export type { Eligibility } from "./eligibility.ts";
export type { BusyThresholds } from "./busy.ts";
export type { Cost07, Cost16, CostSettings } from "./cost.ts";
export type { LoadTracking } from "./scorer.ts";
export type { LoadReport, RegisteredRank, Worker, Workers } from "./workers.ts";
export { formatExplanation } from "./explanation.ts";
export type { CandidateScore, LeftOut, RoutingExplanation } from "./explanation.ts";
export type { ActiveRequest } from "./load/active-request.ts";
export type { SequenceChange, SequenceEvent } from "./load/sequence-event.ts";

// For those who bring the events of workers.
export { EventIntake } from "./event-intake.ts";
export type { EventIntakeOptions, IntakeCounts } from "./event-intake.ts";
export type {
  EventSource,
  KvEventStream,
  LoadReportStream,
  RecoveredState,
  StateRecovery,
} from "./event-source.ts";
export type { ClearedBlocks, KvChange, KvEvent, RemovedBlocks, StoredBlocks } from "./kv-event.ts";

// The parts.
export { blockHashes, sequenceHashes } from "./hashing.ts";
export type { BlockHashOptions } from "./hashing.ts";
export { PrefixIndex } from "./index/prefix-index.ts";
export type { ApplyOutcome, PrefixIndexOptions } from "./index/prefix-index.ts";
export { ApproximateIndex } from "./index/approximate-index.ts";
export type { ApproximateIndexOptions } from "./index/approximate-index.ts";
export type { OverlapIndex } from "./index/overlap-index.ts";
export { ActiveSequences } from "./load/active-sequences.ts";
export type { ActiveSequencesOptions, NewRequest } from "./load/active-sequences.ts";
export { fillCosts } from "./cost.ts";
export type { RankLoads, RanksToCost, RequestSize } from "./cost.ts";
export { choose, probabilities } from "./selection.ts";
export type { Choice, RandomSource } from "./selection.ts";
export { WorkerSlots } from "./worker-slots.ts";
export type { WorkerRank } from "./worker-slots.ts";
