/**
 * Events between workers and routers, whatever carries them: what a worker tells, and what a router hears.
 */
import type { EndpointName, Instance, Logger } from "@dynamo/request-plane-core";
import type { IntakeCounts, KvChange, KvRouter, SequenceEvent } from "@dynamo/kv-router";
import type { EngineLoad } from "@dynamo/kv-router/wire";

export interface EventPlane {
  /** As `DYN_EVENT_PLANE` calls it. */
  readonly name: string;

  /**
   * Makes sure that there is something to carry events, for a program that shall not start without. Rejects with an
   * error that says what to set, as does whatever needs it later.
   */
  connect(): Promise<void>;

  /**
   * Begins to tell about a worker. Resolves when routers can find it. Rejects when what carries the events can't be
   * reached.
   *
   * @param worker the instance of the endpoint that requests go to, as `serve` gave it.
   */
  worker(worker: Instance, options?: WorkerEventOptions): Promise<WorkerEvents>;

  /** Begins to bring what workers of an endpoint tell into a router. Rejects when nothing can be heard. */
  router(endpoint: EndpointName, router: KvRouter, options?: RouterEventOptions): Promise<RouterEvents>;

  /** Ends all that this plane opened. Never rejects. */
  close(): Promise<void>;
}

export interface WorkerEventOptions {
  /** The ranks that the worker has: each has a KV cache of its own. `[0]` unless told. */
  readonly dpRanks?: readonly number[];
}

export type EngineLoadOfRank = Omit<EngineLoad, "workerId">;

/** What a worker tells. Nothing here waits: what can't be sent is dropped, and routers ask for what they miss. */
export interface WorkerEvents {
  /**
   * Says that the KV cache of a rank has changed. What is given must not change any more.
   *
   * @returns the id of the event.
   */
  publishKv(dpRank: number, change: KvChange): number;
  /** Says how much a rank has to do. Of several reports in the same moment the last one is sent. */
  reportLoad(load: EngineLoadOfRank): void;
  /** Says that the first token of a request is there. */
  prefillCompleted(requestId: string, dpRank: number): void;
  /** Sends what is left and takes all away. */
  close(): Promise<void>;
}

export interface RouterEventOptions {
  /** Tell other routers about the requests sent on, with `tell`. False unless told: `--router-replica-sync`. */
  readonly replicaSync?: boolean;
  /** Throw away what other routers left, and begin with nothing: `--router-reset-states` (0.7). */
  readonly resetStates?: boolean;
  /** Messages in the stream above which a router saves its state: `--router-snapshot-threshold` (0.7), 1,000,000. */
  readonly snapshotThreshold?: number;
  readonly logger?: Logger;
}

export interface RouterEventStatus {
  /** Publishers that are listened to, of all topics. */
  readonly channels: number;
  /** Ranks whose KV cache is followed. */
  readonly sources: number;
  /** What happened to the KV events of all ranks together. */
  readonly counts: IntakeCounts;
}

export interface RouterEvents {
  /** For `sequences.onEvent` of the router: tells other routers. Does nothing without `replicaSync`. */
  tell(event: SequenceEvent): void;
  /** Settles when the index knows what the workers that are known by now have told. */
  settled(): Promise<void>;
  status(): RouterEventStatus;
  /** Hears no more. The router keeps what it has. */
  close(): Promise<void>;
}
