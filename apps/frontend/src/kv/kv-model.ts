/**
 * Sends the requests of one model where their prompts are cached, and counts them until they are over.
 */
import { KvRouter } from "@dynamo/kv-router";
import type { ActiveSequencesOptions, KvRouterOptions, Prompt, Reservation } from "@dynamo/kv-router";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { CallOptions, InstanceId, Logger } from "@dynamo/request-plane-core";
import type { ChatClient, Model } from "../model.ts";
import { mayGoElsewhere, noSuchWorker, notReady } from "../routed-request.ts";
import type { Routed, RoutedRequest } from "../routed-request.ts";
import type { KvEvents } from "./kv-events.ts";
import { kvWorkers, routerWorker } from "./kv-workers.ts";
import type { KvWorker } from "./kv-workers.ts";

/** A request whose prompt is known in tokens. */
export type TokensRequest = RoutedRequest & { readonly prompt: ArrayLike<number> };

/** Workers that may use up their time before a call gives up, as in the request plane. */
const MAX_TIMED_OUT = 2;

export interface KvModelParts {
  /** Closed with the model. */
  readonly events?: KvEvents | undefined;
  readonly logger: Logger;
}

export class KvModel {
  readonly name: string;
  readonly router: KvRouter;
  /** Absent when the router goes by its own decisions alone. */
  readonly events: KvEvents | undefined;
  readonly #logger: Logger;
  #workers: ReadonlyMap<InstanceId, KvWorker> = new Map();
  /** Those of the workers' endpoints. */
  #clients: readonly ChatClient[] = [];

  /** Throws `invalid_configuration` for a block size that can't be. */
  constructor(name: string, options: KvRouterOptions, { events, logger }: KvModelParts) {
    this.name = name;
    this.events = events;
    const sequences: ActiveSequencesOptions = {
      ...options.sequences,
      ...(events && { onEvent: (event) => events.tell(event) }),
    };
    this.router = new KvRouter({ ...options, sequences });
    this.#logger = logger;
  }

  get workers(): ReadonlyMap<InstanceId, KvWorker> {
    return this.#workers;
  }

  /** Takes the model's present workers. Those that are gone are forgotten, with their blocks and requests. */
  update(model: Model): void {
    const workers = new Map([...kvWorkers(model)].filter(([, worker]) => this.#fits(worker)));
    for (const id of this.#workers.keys()) if (!workers.has(id)) this.router.removeWorker(id);
    for (const [id, worker] of workers) {
      if (this.#workers.get(id)?.card !== worker.card) this.router.setWorker(routerWorker(worker));
    }
    this.#workers = workers;
    this.#clients = [...new Set([...workers.values()].map(({ endpoint }) => endpoint.client))];
    this.events?.follow(
      this.#clients.map(({ name }) => name),
      this.router,
    );
  }

  async close(): Promise<void> {
    await this.events?.close();
  }

  /**
   * Resolves when the first item is there. What was counted for the request is given back when its stream is over,
   * however it ended.
   */
  async call(request: TokensRequest, options: CallOptions): Promise<Routed> {
    const prompt = this.router.prompt(request.prompt);
    const failed = new Set(request.excluded);
    let failure: RequestPlaneError | undefined;
    let timedOut = 0;
    for (;;) {
      const reservation = this.#reserve(prompt, request, { id: options.id, failed, failure });
      try {
        return await this.#send(reservation, prompt, request, options);
      } catch (error) {
        failure = RequestPlaneError.from(error);
        if (failure.code === "deadline_exceeded") timedOut += 1;
        const isOver = options.signal?.aborted === true || timedOut === MAX_TIMED_OUT;
        if (isOver || !mayGoElsewhere(failure)) throw failure;
        failed.add(reservation.worker.workerId);
      }
    }
  }

  #reserve(
    prompt: Prompt,
    { pin, dpRank, override, explain }: TokensRequest,
    tries: {
      id: string | undefined;
      failed: ReadonlySet<InstanceId>;
      failure: RequestPlaneError | undefined;
    },
  ): Reservation {
    if (pin !== undefined && !this.#workers.has(pin)) throw noSuchWorker(this.name, pin);
    const route = (excluded: ReadonlySet<InstanceId>): Reservation =>
      this.router.route({
        requestId: tries.id ?? crypto.randomUUID(),
        prompt,
        ...(pin !== undefined && { allowed: new Set([pin]) }),
        ...(dpRank !== undefined && { dpRank }),
        ...(override && { override }),
        ...(explain === true && { explain }),
        ...(excluded.size > 0 && { excluded }),
      });
    const avoided = pin === undefined ? this.#avoided() : NOBODY;
    try {
      return route(avoided.size === 0 ? tries.failed : new Set([...tries.failed, ...avoided]));
    } catch (error) {
      if (!isNobodyLeft(error)) throw error;
    }
    try {
      // Sick workers are asked when there is nobody else.
      return route(tries.failed);
    } catch (error) {
      throw isNobodyLeft(error) ? (tries.failure ?? notReady(this.name)) : error;
    }
  }

  async #send(
    { worker, active, overlapBlocks, explanation }: Reservation,
    prompt: Prompt,
    request: TokensRequest,
    options: CallOptions,
  ): Promise<Routed> {
    const { workerId, dpRank } = worker;
    const promptBlocks = Math.ceil(prompt.tokens / this.router.blockSize);
    const decision = { dpRank, overlapBlocks, promptBlocks, explanation };
    try {
      const client = this.#workers.get(workerId)?.endpoint.client;
      if (!client) throw new RequestPlaneError("no_instances", "The worker has just left");
      const onEnd = (): void => {
        active.release();
        options.onEnd?.();
      };
      const stream = await client.direct(request.payload(decision), workerId, {
        ...options,
        failover: false,
        onEnd,
      });
      active.prefillCompleted();
      return { stream, decision };
    } catch (error) {
      active.release();
      throw error;
    }
  }

  /** Workers that failed lately. */
  #avoided(): ReadonlySet<InstanceId> {
    const [first, ...others] = this.#clients;
    const avoided = first?.avoided() ?? NOBODY;
    // There is one endpoint nearly always.
    return others.length === 0 ? avoided : new Set(this.#clients.flatMap((client) => [...client.avoided()]));
  }

  #fits({ id, card }: KvWorker): boolean {
    const { blockSize } = this.router;
    if (card.kv_cache_block_size === blockSize) return true;
    const facts = { model: this.name, worker: id.toString(16), blockSize: card.kv_cache_block_size };
    this.#logger.warn(
      facts,
      `Not routed to: other workers of the model have KV blocks of ${blockSize} tokens`,
    );
    return false;
  }
}

const NOBODY: ReadonlySet<InstanceId> = new Set();

function isNobodyLeft(error: unknown): boolean {
  return RequestPlaneError.is(error) && error.code === "no_instances";
}
