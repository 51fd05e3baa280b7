/** Workers and routers of one test, over real sockets and a real request plane. */
import { memoryDiscovery } from "@dynamo/discovery";
import { KvRouter } from "@dynamo/kv-router";
import type { KvChange, KvRouterOptions, SequenceEvent } from "@dynamo/kv-router";
import { createNetworkManager } from "@dynamo/request-plane-core";
import type { Discovery, Instance, NetworkManager } from "@dynamo/request-plane-core";
import { msgpack } from "@dynamo/request-plane-core/msgpack";
import { tcp } from "@dynamo/request-plane-tcp";
import { until as poll } from "@dynamo/test-support";
import { LOOPBACK } from "@dynamo/test-support/loopback";
import { recordingLogger } from "@dynamo/test-world";
import { onTestFinished } from "vitest";
import { eventPlane } from "../../src/index.ts";
import type {
  EventPlane,
  EventTransport,
  RouterEventOptions,
  RouterEvents,
  WorkerEvents,
} from "../../src/index.ts";

export const GENERATE = { namespace: "dynamo", component: "backend", endpoint: "generate" };

export interface Worker {
  readonly manager: NetworkManager;
  readonly plane: EventPlane;
  readonly instance: Instance;
  readonly events: WorkerEvents;
  close(): Promise<void>;
}

export interface Router {
  readonly router: KvRouter;
  readonly events: RouterEvents;
  readonly warnings: string[];
  close(): Promise<void>;
}

export class World {
  readonly discovery: Discovery;
  readonly #plane: (manager: NetworkManager) => EventPlane;

  constructor(plane: (manager: NetworkManager) => EventPlane, discovery: Discovery = memoryDiscovery()) {
    this.discovery = discovery;
    this.#plane = plane;
    onTestFinished(() => this.discovery.close());
  }

  static over(transport: () => EventTransport): World {
    return new World((manager) => eventPlane({ manager, transport: transport() }));
  }

  async worker(dpRanks: readonly number[] = [0]): Promise<Worker> {
    const manager = this.#manager();
    const served = await manager.endpoint(GENERATE).serve(() => []);
    const plane = this.#plane(manager);
    const events = await plane.worker(served.instance, { dpRanks });
    const close = async (): Promise<void> => {
      await plane.close();
      await manager.close({ drainMs: 100 });
    };
    onTestFinished(close);
    return { manager, plane, instance: served.instance, events, close };
  }

  /** A router that knows these workers. */
  async router(
    workers: readonly Worker[],
    options: RouterEventOptions = {},
    settings: Partial<KvRouterOptions> = {},
  ): Promise<Router> {
    const { logger, warnings } = recordingLogger();
    const manager = this.#manager();
    const plane = this.#plane(manager);
    let events: RouterEvents | undefined;
    const onEvent = (event: SequenceEvent): void => events?.tell(event);
    const router = new KvRouter({ blockSize: 4, sequences: { onEvent, ...settings.sequences }, ...settings });
    for (const { instance } of workers) router.setWorker({ workerId: instance.instance_id, dpSize: 2 });
    const opened = (events = await plane.router(GENERATE, router, { logger, ...options }));
    const close = async (): Promise<void> => {
      await plane.close();
      await manager.close({ drainMs: 100 });
    };
    onTestFinished(close);
    return { router, events: opened, warnings, close };
  }

  #manager(): NetworkManager {
    return createNetworkManager({
      transports: [tcp({ environment: LOOPBACK })],
      discovery: this.discovery,
      environment: LOOPBACK,
      payloadCodec: msgpack,
    });
  }
}

/** A chain of blocks whose names and tokens' hashes are the same. */
export function stored(hashes: readonly number[], parent?: number): KvChange {
  const blockHashes = BigUint64Array.from(hashes, BigInt);
  return {
    kind: "stored",
    blockHashes,
    tokensHashes: blockHashes,
    ...(parent !== undefined && { parentHash: BigInt(parent) }),
  };
}

export function removed(hashes: readonly number[]): KvChange {
  return { kind: "removed", blockHashes: BigUint64Array.from(hashes, BigInt) };
}

/** How many of these blocks a rank has in the index of a router, counted from the first one. */
export function overlap(
  router: KvRouter,
  { instance }: Pick<Worker, "instance">,
  hashes: readonly number[],
  dpRank = 0,
): number {
  const slot = router.slots.find(instance.instance_id, dpRank);
  const depths = new Int32Array(router.slots.limit);
  router.events?.match(BigUint64Array.from(hashes, BigInt), depths);
  return slot === undefined ? 0 : (depths[slot] ?? 0);
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at);
}

/** Servers that were killed take their time. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  await poll(what, holds, 40_000);
}
