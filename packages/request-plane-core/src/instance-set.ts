/**
 * The instances of one endpoint as a client sees them: who is there, how busy, how healthy.
 */
import { isEndpointRecord } from "./discovery.ts";
import type { Discovery, DiscoveryEvent, DiscoveryRecord } from "./discovery.ts";
import { formatEndpointName } from "./endpoint-name.ts";
import type { EndpointName } from "./endpoint-name.ts";
import type { WaitOptions } from "./endpoint.ts";
import { RequestPlaneError } from "./errors.ts";
import { formatInstanceId } from "./instance.ts";
import type { Instance, InstanceId } from "./instance.ts";
import { InstanceHealth } from "./instance-health.ts";
import { LinkedList } from "./linked-list.ts";
import type { Route } from "./route.ts";

/** One instance and what this client knows of it. It outlives a change of its record. */
export class TrackedInstance {
  readonly id: InstanceId;
  record: Instance;
  /** Requests of this client under way. */
  inFlight = 0;
  readonly health = new InstanceHealth();
  /** Requests that it has not begun to answer, to be told when it is gone. */
  readonly unanswered = new LinkedList<Unanswered>();
  /** How requests reach it, found out for the first of them and kept until its record changes. */
  route: Route | undefined;

  constructor(record: Instance) {
    this.id = record.instance_id;
    this.record = record;
  }
}

export interface Unanswered {
  removed(error: RequestPlaneError): void;
}

/** Default of {@link WaitOptions.timeoutMs}. */
const WAIT_MS = 30_000;

export class InstanceSet {
  readonly #name: EndpointName;
  readonly #instances = new Map<InstanceId, TrackedInstance>();
  readonly #waiting = new Set<() => void>();
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;
  /** Why discovery is not followed any more. */
  #over: RequestPlaneError | undefined;
  /** In the order of their ids, so that clients take turns alike; made anew when the set changes. */
  #sorted: readonly TrackedInstance[] = [];

  constructor(discovery: Discovery, name: EndpointName) {
    this.#name = name;
    this.#following = this.#follow(discovery);
  }

  get all(): readonly TrackedInstance[] {
    return this.#sorted;
  }

  get(id: InstanceId): TrackedInstance | undefined {
    return this.#instances.get(id);
  }

  async wait({ count = 1, timeoutMs = WAIT_MS, signal }: WaitOptions = {}): Promise<readonly Instance[]> {
    if (signal?.aborted) throw RequestPlaneError.from(signal.reason, "cancelled");
    if (this.#sorted.length < count) await this.#waitFor(count, timeoutMs, signal);
    return this.#sorted.map((instance) => instance.record);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  async #waitFor(count: number, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: RequestPlaneError): void => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        signal?.removeEventListener("abort", abort);
        if (error) reject(error);
        else resolve();
      };
      const check = (): void => {
        if (this.#sorted.length >= count) settle();
        else if (this.#over) settle(this.#over);
      };
      const abort = (): void => settle(RequestPlaneError.from(signal?.reason, "cancelled"));
      const timer =
        timeoutMs > 0 ? setTimeout(() => settle(this.#missing(count, timeoutMs)), timeoutMs) : undefined;
      this.#waiting.add(check);
      signal?.addEventListener("abort", abort);
      check();
    });
  }

  #missing(count: number, timeoutMs: number): RequestPlaneError {
    const endpoint = formatEndpointName(this.#name);
    const found = this.#sorted.length;
    const message = `Waited ${timeoutMs} ms for ${count} instance(s) of ${endpoint}, found ${found}`;
    return new RequestPlaneError("no_instances", message, { facts: { endpoint, elapsedMs: timeoutMs } });
  }

  async #follow(discovery: Discovery): Promise<void> {
    const query = { type: "Endpoint", ...this.#name } as const;
    try {
      for await (const event of discovery.watch(query, this.#stop.signal)) this.#apply(event);
      this.#over = new RequestPlaneError("closed", "The client, or the discovery it follows, is closed");
    } catch (error) {
      this.#over = RequestPlaneError.from(error);
    }
    this.#notify();
  }

  #apply({ kind, record }: DiscoveryEvent): void {
    if (!isEndpointRecord(record)) return;
    const id = record.instance_id;
    const known = this.#instances.get(id);
    if (kind === "removed") {
      this.#instances.delete(id);
      for (const request of known?.unanswered ?? []) request.removed(removed(record));
    } else if (known) {
      known.record = record;
      known.route = undefined;
      known.health.reset();
    } else {
      this.#instances.set(id, new TrackedInstance(record));
    }
    this.#sorted = [...this.#instances.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#notify();
  }

  #notify(): void {
    for (const check of [...this.#waiting]) check();
  }
}

function removed(record: DiscoveryRecord): RequestPlaneError {
  const instance = formatInstanceId(record.instance_id);
  return new RequestPlaneError("disconnected", `Instance ${instance} was removed before it answered`, {
    facts: { instance },
  });
}
