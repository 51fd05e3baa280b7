import { randomInstanceId } from "@dynamo/request-plane-core";
import type { WorkerSlots } from "../worker-slots.ts";
import { ActiveBlocks } from "./active-blocks.ts";
import { ActiveRequest } from "./active-request.ts";
import { LoadTable } from "./load-table.ts";
import type { SequenceChange, SequenceEvent } from "./sequence-event.ts";

export interface ActiveSequencesOptions {
  /** Sets this router apart from others; random unless told. */
  readonly routerId?: string | bigint;
  /**
   * When a request counts as over although nobody said so, in milliseconds: a backstop for lost releases and
   * dead routers. 3,600,000 unless told, as in Dynamo 1.6; 0.7 takes 300,000.
   */
  readonly staleAfterMs?: number;
  /** A clock in milliseconds that never goes back; `performance.now` unless told. */
  readonly now?: () => number;
  /** Gets what other routers have to know. Must not throw. */
  readonly onEvent?: (event: SequenceEvent) => void;
}

export interface NewRequest {
  readonly requestId: string;
  readonly sequenceHashes: BigUint64Array;
  readonly prefillTokens: number;
  readonly tokens?: number;
  readonly overlapBlocks?: number;
}

/**
 * The requests under way, and what they take on each worker: blocks, and prompt tokens still to be computed.
 *
 * Each request ends exactly once: when its handle is released, when another router says so, when its id comes
 * again (a request that moves to another worker keeps its id), when its worker goes, or when it is stale.
 */
export class ActiveSequences {
  readonly routerId: string | bigint;
  readonly #slots: WorkerSlots;
  readonly #blocks = new ActiveBlocks();
  /** In the order in which they came. */
  readonly #requests = new Map<string, ActiveRequest>();
  /** Load of each slot. It has room for all slots of the requests, and may have none for others. */
  readonly load = new LoadTable();
  readonly #staleAfterMs: number;
  readonly #now: () => number;
  readonly #onEvent: ((event: SequenceEvent) => void) | undefined;

  constructor(slots: WorkerSlots, options: ActiveSequencesOptions = {}) {
    this.#slots = slots;
    this.routerId = options.routerId ?? randomInstanceId();
    this.#staleAfterMs = options.staleAfterMs ?? 3_600_000;
    this.#now = options.now ?? (() => performance.now());
    this.#onEvent = options.onEvent;
  }

  /** Requests under way, those of other routers included. */
  get size(): number {
    return this.#requests.size;
  }

  blocks(slot: number): number {
    return this.load.blocks[slot] ?? 0;
  }

  prefillTokens(slot: number): number {
    return this.load.prefillTokens[slot] ?? 0;
  }

  requests(slot: number): number {
    return this.load.requests[slot] ?? 0;
  }

  /** Counts for each slot how many blocks of a sequence are in use there already. */
  match(sequenceHashes: BigUint64Array, depths: Int32Array): void {
    this.#blocks.match(sequenceHashes, depths);
  }

  /** Counts a request against a slot until its handle is released. */
  add(slot: number, request: NewRequest): ActiveRequest {
    const active = this.#add(slot, request, this.routerId);
    this.#tell(active, { kind: "added", ...request });
    return active;
  }

  /** Takes in what another router or a worker says. Unknown requests and own events are ignored. */
  apply({ requestId, worker, routerId, change }: SequenceEvent): void {
    if (routerId === this.routerId) return;
    if (change.kind === "added") {
      // The worker may be one that discovery hasn't shown yet.
      this.#add(this.#slots.take(worker.workerId, worker.dpRank), { requestId, ...change }, routerId);
      return;
    }
    const active = this.#requests.get(requestId);
    if (!active) return;
    if (change.kind === "prefill_completed") this.#settlePrefill(active);
    else if (active.routerId === routerId) this.#end(active);
  }

  /** Ends all requests on a slot, because its worker is gone. */
  clear(slot: number): void {
    for (const active of this.#requests.values()) if (active.slot === slot) this.#end(active);
  }

  /** Ends all requests of another router, because it is gone. */
  dropRouter(routerId: string | bigint): void {
    for (const active of this.#requests.values()) if (active.routerId === routerId) this.#end(active);
  }

  /** Ends stale requests. `add` does it too. */
  sweep(): void {
    const limit = this.#now() - this.#staleAfterMs;
    for (const active of this.#requests.values()) {
      if (active.startedAt > limit) return;
      active.release();
    }
  }

  #add(slot: number, request: NewRequest, routerId: string | bigint): ActiveRequest {
    this.sweep();
    const before = this.#requests.get(request.requestId);
    if (before) this.#end(before);
    const active = new ActiveRequest(
      { requestId: request.requestId, routerId, slot, startedAt: this.#now() },
      { held: this.#blocks.hold(slot, request.sequenceHashes), prefillTokens: request.prefillTokens },
      {
        prefillCompleted: (own) => this.#settlePrefill(own) && this.#tell(own, { kind: "prefill_completed" }),
        released: (own) => this.#end(own) && this.#tell(own, { kind: "freed" }),
      },
    );
    this.#requests.set(request.requestId, active);
    this.load.reserve(slot + 1);
    this.load.blocks[slot] = this.#blocks.count(slot);
    this.load.addPrefill(slot, request.prefillTokens);
    this.load.addRequests(slot, 1);
    return active;
  }

  /** @returns whether there was prefill left to settle. */
  #settlePrefill(active: ActiveRequest): boolean {
    const tokens = active.takePrefillTokens();
    if (tokens === undefined) return false;
    this.load.addPrefill(active.slot, -tokens);
    return true;
  }

  /** @returns whether it was still under way. */
  #end(active: ActiveRequest): boolean {
    const held = active.takeHeld();
    if (!held) return false;
    this.#settlePrefill(active);
    this.#blocks.release(held);
    this.load.blocks[active.slot] = this.#blocks.count(active.slot);
    this.load.addRequests(active.slot, -1);
    this.#requests.delete(active.requestId);
    return true;
  }

  #tell(active: ActiveRequest, change: SequenceChange): void {
    const worker = this.#slots.at(active.slot);
    if (!this.#onEvent || !worker || active.routerId !== this.routerId) return;
    this.#onEvent({ requestId: active.requestId, worker, routerId: this.routerId, change });
  }
}
