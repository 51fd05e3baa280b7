/** Events as Dynamo 0.7 has them: KV events in a JetStream stream, which routers read from where they were. */
import { defaultLogger, override, readSettings } from "@dynamo/request-plane-core";
import type { Discovery, EndpointName, Instance, SettingsOf } from "@dynamo/request-plane-core";
import type { KvRouter } from "@dynamo/kv-router";
import { natsLink } from "@dynamo/request-plane-nats/connection";
import type { NatsOptions } from "@dynamo/request-plane-nats/connection";
import type { EventPlane, RouterEventOptions, WorkerEventOptions } from "../event-plane.ts";
import { JetStreamRouterEvents } from "./router-events.ts";
import { JETSTREAM_SETTINGS } from "./settings.ts";
import { managerOf } from "./stream.ts";
import { JetStreamWorkerEvents } from "./worker-events.ts";

/** Settings given here win over the environment. */
export interface JetStreamOptions extends NatsOptions, Partial<SettingsOf<typeof JETSTREAM_SETTINGS>> {
  /** Where routers are known, when it has keys: etcd. Others don't know which routers are gone. */
  readonly discovery: Discovery;
}

/** Connects when it is first used. Throws `invalid_configuration` when an option can't be used. */
export function jetStreamPlane({ discovery, maxAgeMs, ...options }: JetStreamOptions): EventPlane {
  const { environment = process.env, logger = defaultLogger } = options;
  const read = readSettings(JETSTREAM_SETTINGS, environment, logger);
  const given = maxAgeMs === undefined ? {} : { maxAgeMs };
  const settings = override(read, given, JETSTREAM_SETTINGS);
  const link = natsLink(options);
  const parts = { link, maxAgeMs: settings.maxAgeMs, logger, discovery };
  const open = new Set<{ close(): Promise<void> }>();
  return {
    name: "jetstream",
    async connect() {
      await managerOf(link);
    },
    async worker(worker: Instance, workerOptions: WorkerEventOptions = {}) {
      const events = await JetStreamWorkerEvents.open(parts, worker, workerOptions);
      open.add(events);
      return events;
    },
    async router(endpoint: EndpointName, router: KvRouter, routerOptions: RouterEventOptions = {}) {
      const events = await JetStreamRouterEvents.open(parts, endpoint, router, routerOptions);
      open.add(events);
      return events;
    },
    async close() {
      await Promise.allSettled([...open].map((one) => one.close()));
      open.clear();
      await link.close();
    },
  };
}

export { JETSTREAM_SETTINGS } from "./settings.ts";
