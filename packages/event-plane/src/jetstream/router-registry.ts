import type { LeasedKeys } from "@dynamo/request-plane-core";
import type { RouterEventOptions } from "../event-plane.ts";
import type { JetStreamNames } from "./names.ts";

/**
 * The routers of a component, as etcd knows them. Without etcd nobody knows, and consumers of routers that are gone go
 * when the server finds them inactive.
 */
export class RouterRegistry {
  readonly #keys: LeasedKeys;
  readonly #prefix: string;
  readonly #uuid: string;
  #own: { remove(): Promise<void> } | undefined;

  constructor(keys: LeasedKeys, { routers }: JetStreamNames, uuid: string) {
    this.#keys = keys;
    this.#prefix = routers;
    this.#uuid = uuid;
  }

  /** Rejects as the store does. Source of the value: kv-verified notes, section 2.1. */
  async announce({ replicaSync, resetStates, snapshotThreshold }: RouterEventOptions): Promise<void> {
    const settings = {
      overlap_score_weight: 1,
      router_temperature: 0,
      use_kv_events: true,
      router_replica_sync: replicaSync ?? false,
      router_track_active_blocks: true,
      router_snapshot_threshold: snapshotThreshold ?? null,
      router_reset_states: resetStates ?? false,
    };
    this.#own = await this.#keys.put(this.#prefix + this.#uuid, JSON.stringify(settings, null, 2));
  }

  /** UUIDs of all that are there, the own one included. */
  async alive(): Promise<Set<string>> {
    const keys = await this.#keys.list(this.#prefix);
    return new Set([this.#uuid, ...keys.map((key) => key.slice(this.#prefix.length))]);
  }

  async close(): Promise<void> {
    await this.#own?.remove();
  }
}
