/**
 * A model whose workers take tokens, and a router in mode `kv` before them, with real sockets between them.
 */
import { memoryDiscovery, textChatCard } from "@dynamo/discovery";
import type { ModelCard } from "@dynamo/discovery";
import { eventPlane } from "@dynamo/event-plane";
import type { EventPlane, WorkerEvents } from "@dynamo/event-plane";
import { zmqEvents } from "@dynamo/event-plane/zmq";
import { EncodedPayload, createNetworkManager, stringifyJson } from "@dynamo/request-plane-core";
import type {
  CallOptions,
  Discovery,
  EndpointClient,
  Handler,
  InstanceId,
  NetworkManager,
} from "@dynamo/request-plane-core";
import { tcp } from "@dynamo/request-plane-tcp";
import { pino } from "pino";
import { expect, onTestFinished } from "vitest";
import { KvRouting } from "../../src/kv/kv-routing.ts";
import type { KvModel } from "../../src/kv/kv-model.ts";
import { Model } from "../../src/model.ts";
import { frontendCommand } from "../../src/options.ts";
import type { Options } from "../../src/options.ts";
import { Router } from "../../src/router.ts";
import type { Routed, RoutedRequest } from "../../src/routed-request.ts";
import { until } from "@dynamo/test-support";

/** What a worker gets. */
export interface TokensPayload {
  readonly tokens: readonly number[];
  readonly dpRank?: number;
  readonly overlapBlocks?: number;
}

export type TokensHandler = Handler<TokensPayload, unknown>;

export class TokensFleet {
  readonly discovery: Discovery;
  readonly manager: NetworkManager;
  readonly client: EndpointClient<EncodedPayload>;
  readonly routing: KvRouting;
  readonly router: Router;
  readonly workers = new Map<InstanceId, NetworkManager>();
  /** What workers tell, when there are events. */
  readonly tellers = new Map<InstanceId, WorkerEvents>();
  readonly #cards: Map<InstanceId, ModelCard>;
  readonly #isFirst: boolean;
  readonly #planes: EventPlane[] = [];

  /** @param first another router before the same workers */
  constructor(options: Partial<Options>, level: string, first?: TokensFleet) {
    this.#isFirst = first === undefined;
    this.discovery = first?.discovery ?? memoryDiscovery();
    this.#cards = first ? first.#cards : new Map<InstanceId, ModelCard>();
    this.manager = createNetworkManager({ transports: [tcp()], discovery: this.discovery });
    this.client = this.manager.endpoint<EncodedPayload>("dynamo.backend.generate").client();
    const settings = {
      ...frontendCommand().opts<Options>(),
      routerMode: "kv" as const,
      routerKvEvents: false,
      ...options,
    };
    this.routing = new KvRouting(settings, pino({ level }));
    this.router = new Router(settings.routerMode, this.routing);
    if (this.routing.needsEvents) this.routing.useEvents(this.#planeOf(this.manager));
  }

  get model(): Model {
    const endpoints = [{ client: this.client, workers: new Map(this.#cards) }];
    return new Model({ name: "m", created: 0, endpoints }, ["tcp"]);
  }

  get kv(): KvModel {
    const model = this.routing.of("m");
    if (!model) throw new Error("The model has no router");
    return model;
  }

  async serve(handler: TokensHandler, card: Partial<ModelCard> = {}): Promise<InstanceId> {
    const manager = createNetworkManager({ transports: [tcp()], discovery: this.discovery });
    const served = await manager.endpoint<TokensPayload>("dynamo.backend.generate").serve(handler);
    const id = served.instance.instance_id;
    this.workers.set(id, manager);
    if (this.routing.needsEvents) {
      this.tellers.set(id, await this.#planeOf(manager).worker(served.instance));
    }
    this.#cards.set(id, textChatCard("m", { model_input: "Tokens", kv_cache_block_size: 4, ...card }));
    await until("the client sees the worker", () =>
      this.client.instances().some((instance) => instance.instance_id === id),
    );
    this.update();
    return id;
  }

  withdraw(id: InstanceId): void {
    this.#cards.delete(id);
    this.update();
  }

  update(): void {
    this.routing.update(new Map(this.#cards.size === 0 ? [] : [["m", this.model]]));
  }

  ask(prompt: readonly number[], options: CallOptions & Partial<RoutedRequest> = {}): Promise<Routed> {
    const request: RoutedRequest = {
      ...options,
      prompt,
      payload: ({ dpRank, overlapBlocks }) =>
        new EncodedPayload(Buffer.from(stringifyJson({ tokens: prompt, dpRank, overlapBlocks })), "json"),
    };
    const { signal, id, timeouts } = options;
    return this.router.call(this.model, request, {
      ...(signal && { signal }),
      ...(id !== undefined && { id }),
      ...(timeouts && { timeouts }),
    });
  }

  #planeOf(manager: NetworkManager): EventPlane {
    const plane = eventPlane({ manager, transport: zmqEvents() });
    this.#planes.push(plane);
    return plane;
  }

  /** A worker says that it has all full blocks of the prompt. */
  cache(id: InstanceId, prompt: readonly number[]): void {
    const { sequenceHashes: blockHashes, blockHashes: tokensHashes } = this.kv.router.prompt(prompt);
    this.tellers.get(id)?.publishKv(0, { kind: "stored", blockHashes, tokensHashes });
  }

  /** Blocks of the prompt that the router expects at the best worker for it. */
  overlap(prompt: readonly number[]): number {
    const { router } = this.kv;
    return Math.max(
      ...router.explain({ prompt: router.prompt(prompt) }).candidates.map((one) => one.overlapBlocks),
    );
  }

  /** Asks, reads to the end, and says who answered. */
  async answer(prompt: readonly number[], options: Partial<RoutedRequest> = {}): Promise<InstanceId> {
    const { stream } = await this.ask(prompt, options);
    await collect(stream);
    return stream.instance;
  }

  /** Nothing counts against any worker any more. */
  async rest(): Promise<void> {
    await expect.poll(() => this.load()).toEqual(NOTHING);
  }

  load(): typeof NOTHING {
    const { active, workers } = this.kv.router;
    const sum = (of: (slot: number) => number): number =>
      [...workers.rankSlots].reduce((total, slot) => total + of(slot), 0);
    return {
      inFlight: this.client.inFlight,
      active: active.size,
      requests: sum((slot) => active.requests(slot)),
      blocks: sum((slot) => active.blocks(slot)),
      prefillTokens: sum((slot) => active.prefillTokens(slot)),
    };
  }

  async close(): Promise<void> {
    await this.routing.close();
    for (const plane of this.#planes) await plane.close();
    await this.manager.close();
    for (const manager of this.workers.values()) await manager.close({ drainMs: 0 });
    if (this.#isFirst) await this.discovery.close();
  }
}

export const NOTHING = { inFlight: 0, active: 0, requests: 0, blocks: 0, prefillTokens: 0 };

export function fleet(
  options: Partial<Options> = {},
  { level = "silent", first }: { level?: string; first?: TokensFleet } = {},
): TokensFleet {
  const made = new TokensFleet(options, level, first);
  onTestFinished(() => made.close());
  return made;
}

export const tokens = (length: number, base = 0): number[] => Array.from({ length }, (_, at) => base + at);

/** Answers with one item. */
export const once: TokensHandler = async function* (request) {
  yield request;
};

export async function collect(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const items: unknown[] = [];
  for await (const item of stream) items.push(item);
  return items;
}
