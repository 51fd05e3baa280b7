/**
 * What the workers of a model tell, and other routers, brought into its router for as long as the workers are there.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { EventPlane, RouterEventOptions, RouterEvents } from "@dynamo/event-plane";
import type { KvRouter, SequenceEvent } from "@dynamo/kv-router";
import { formatEndpointName } from "@dynamo/request-plane-core";
import type { EndpointName, Logger } from "@dynamo/request-plane-core";

/** How long to wait before trying again to listen, in milliseconds. */
const LISTEN_AGAIN_MS = 2_000;

export class KvEvents {
  readonly #plane: EventPlane;
  readonly #options: RouterEventOptions & { readonly logger: Logger };
  readonly #followed = new Map<string, FollowedEndpoint>();

  constructor(plane: EventPlane, options: RouterEventOptions & { readonly logger: Logger }) {
    this.#plane = plane;
    this.#options = options;
  }

  /** Follows these endpoints and no others. */
  follow(endpoints: Iterable<EndpointName>, router: KvRouter): void {
    const wanted = new Map([...endpoints].map((endpoint) => [formatEndpointName(endpoint), endpoint]));
    for (const [name, followed] of this.#followed) {
      if (wanted.has(name)) continue;
      this.#followed.delete(name);
      void followed.close();
    }
    for (const [name, endpoint] of wanted) {
      if (this.#followed.has(name)) continue;
      const open = (): Promise<RouterEvents> => this.#plane.router(endpoint, router, this.#options);
      this.#followed.set(name, new FollowedEndpoint(name, open, this.#options.logger));
    }
  }

  /** Tells other routers. */
  tell(event: SequenceEvent): void {
    for (const followed of this.#followed.values()) followed.events?.tell(event);
  }

  /** Settles when the router knows what the workers that are known by now have told. */
  async settled(): Promise<void> {
    await Promise.all([...this.#followed.values()].map((followed) => followed.settled()));
  }

  /** KV events that were taken in, and ranks that are followed. */
  status(): { readonly applied: number; readonly sources: number } {
    const all = [...this.#followed.values()].map(({ events }) => events?.status());
    return {
      applied: all.reduce((sum, status) => sum + (status?.counts.applied ?? 0), 0),
      sources: all.reduce((sum, status) => sum + (status?.sources ?? 0), 0),
    };
  }

  async close(): Promise<void> {
    const followed = [...this.#followed.values()];
    this.#followed.clear();
    await Promise.all(followed.map((one) => one.close()));
  }
}

/** Listens sooner or later: what carries the events may come after the frontend. */
class FollowedEndpoint {
  /** When it listens. */
  events: RouterEvents | undefined;
  readonly #stop = new AbortController();
  readonly #opening: Promise<void>;

  constructor(name: string, open: () => Promise<RouterEvents>, logger: Logger) {
    this.#opening = this.#open(open, (error) =>
      logger.error({ endpoint: name, error: String(error) }, "KV events can't be followed; trying again"),
    );
  }

  async settled(): Promise<void> {
    await this.#opening;
    await this.events?.settled();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#opening;
    await this.events?.close();
    this.events = undefined;
  }

  async #open(open: () => Promise<RouterEvents>, failed: (error: unknown) => void): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        this.events = await open();
        return;
      } catch (error) {
        failed(error);
        await sleep(LISTEN_AGAIN_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }
}
