/** What the tests of this package share. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Discovery, DiscoveryEvent, DiscoveryRecord } from "@dynamo/request-plane-core";
import { onTestFinished } from "vitest";
import { recordKey } from "../src/index.ts";

export const ENDPOINTS = { type: "Endpoint" } as const;

/** A folder that goes away with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "discovery-"));
  onTestFinished(() => removeFolder(folder));
  return folder;
}

/** Somebody may make it anew meanwhile. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 5 });
}

export function closedAfterTest<D extends Discovery>(discovery: D): D {
  onTestFinished(() => discovery.close());
  return discovery;
}

/** Follows a watch, and fails when its events contradict each other. */
export class Follower {
  readonly events: DiscoveryEvent[] = [];
  readonly known = new Map<string, DiscoveryRecord>();
  readonly ended: Promise<void>;

  constructor(watch: AsyncIterable<DiscoveryEvent>) {
    this.ended = this.#follow(watch);
  }

  get kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }

  /** The last event of one instance. */
  last(id: bigint): DiscoveryEvent | undefined {
    return this.events.findLast(({ record }) => record.instance_id === id);
  }

  async #follow(watch: AsyncIterable<DiscoveryEvent>): Promise<void> {
    for await (const event of watch) {
      const key = recordKey(event.record);
      if (this.known.has(key) !== (event.kind !== "added"))
        throw new Error(`${event.kind} out of place: ${key}`);
      if (event.kind === "removed") this.known.delete(key);
      else this.known.set(key, event.record);
      this.events.push(event);
    }
  }
}
