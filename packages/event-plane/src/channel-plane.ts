import type { KvRouter } from "@dynamo/kv-router";
import type { EndpointName, Instance, NetworkManager } from "@dynamo/request-plane-core";
import type {
  EventPlane,
  RouterEventOptions,
  RouterEvents,
  WorkerEventOptions,
  WorkerEvents,
} from "./event-plane.ts";
import { nameOf } from "./kv-event-publisher.ts";
import { ChannelRouterEvents } from "./router-events.ts";
import type { EventTransport } from "./transport.ts";
import { ChannelWorkerEvents } from "./worker-events.ts";

export interface EventPlaneOptions {
  /** Workers can be asked through it for what was missed, and its discovery shows who publishes. */
  readonly manager: NetworkManager;
  /** `zmqEvents()` or `natsEvents()`. It is closed with the plane. */
  readonly transport: EventTransport;
  /** The request plane on which workers of this process can be asked; the manager's own unless told. */
  readonly plane?: string;
}

/** The event plane of Dynamo 1.4 and later: channels that discovery shows, and workers that remember. */
export function eventPlane({ manager, transport, plane }: EventPlaneOptions): EventPlane {
  const open = new Set<{ close(): Promise<void> }>();
  const kept = <T extends { close(): Promise<void> }>(one: T): T => {
    open.add(one);
    return one;
  };
  return {
    name: transport.name,
    connect: () => transport.connect(),
    async worker(worker: Instance, options: WorkerEventOptions = {}): Promise<WorkerEvents> {
      return kept(await ChannelWorkerEvents.open({ manager, transport, plane }, worker, options));
    },
    async router(
      endpoint: EndpointName,
      router: KvRouter,
      options: RouterEventOptions = {},
    ): Promise<RouterEvents> {
      const parts = { manager, transport, endpoint: nameOf(endpoint), router };
      return kept(await ChannelRouterEvents.open(parts, options));
    },
    async close(): Promise<void> {
      await Promise.allSettled([...open].map((one) => one.close()));
      open.clear();
      await transport.close();
    },
  };
}
