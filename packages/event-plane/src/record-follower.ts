import type { Discovery, DiscoveryQuery, DiscoveryRecord, Logger } from "@dynamo/request-plane-core";

export interface Follower {
  readonly onAdded: (record: DiscoveryRecord) => void;
  readonly onRemoved: (record: DiscoveryRecord) => void;
}

/** Follows records of one kind until it is closed. A record that can't be used is reported and passed over. */
export class RecordFollower {
  readonly #closing = new AbortController();
  readonly #following: Promise<void>;

  constructor(discovery: Discovery, query: DiscoveryQuery, follower: Follower, logger: Logger) {
    this.#following = this.#follow(discovery, query, follower, logger);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#following;
  }

  async #follow(
    discovery: Discovery,
    query: DiscoveryQuery,
    { onAdded, onRemoved }: Follower,
    logger: Logger,
  ): Promise<void> {
    for await (const { kind, record } of discovery.watch(query, this.#closing.signal)) {
      try {
        if (kind !== "added") onRemoved(record);
        if (kind !== "removed") onAdded(record);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        const publisher = record.instance_id.toString(16);
        logger.warn({ publisher, topic: query.topic, why }, `Events of a publisher can't be heard: ${why}`);
      }
    }
  }
}
