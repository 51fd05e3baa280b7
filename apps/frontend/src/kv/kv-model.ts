/**
 * Sends the requests of one model where their prompts are cached, and counts them until they are over.
 */
import { KvRouter } from "@dynamo/kv-router";
import type {
  ActiveSequencesOptions,
  Decision,
  KvRouterOptions,
  Prompt,
  Reservation,
  RouteRequest,
  RoutingExplanation,
  WorkerRank,
} from "@dynamo/kv-router";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { CallOptions, InstanceId, Logger } from "@dynamo/request-plane-core";
import type { ChatClient, Model } from "../model.ts";
import { mayGoElsewhere, noSuchWorker, notReady } from "../routed-request.ts";
import type { Preview, Routed, RoutedRequest, RoutingDecision } from "../routed-request.ts";
import type { KvEvents } from "./kv-events.ts";
import { kvWorkers, routerWorker } from "./kv-workers.ts";
import type { KvWorker } from "./kv-workers.ts";

/** A request whose prompt is known in tokens. */
export type TokensRequest = RoutedRequest & { readonly prompt: ArrayLike<number> };

/** What has been tried for a request. */
interface Tries {
  readonly id: string | undefined;
  readonly failed: ReadonlySet<InstanceId>;
  readonly failure: RequestPlaneError | undefined;
}

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

  /** Where the request would go now. Changes nothing. */
  preview(request: TokensRequest): Preview {
    const prompt = this.router.prompt(request.prompt);
    const excluded = request.excluded ?? NOBODY;
    const wanted = { ...this.#wanted(prompt, request), ...(excluded.size > 0 && { excluded }) };
    try {
      const explanation = request.explain === true ? this.router.explain(wanted) : undefined;
      const chosen = explanation && scoreOfChosen(explanation);
      const { worker, overlapBlocks } = chosen ?? this.router.preview(wanted);
      const decision = this.#decision({ worker, overlapBlocks, explanation }, prompt);
      return { worker: worker.workerId, decision };
    } catch (error) {
      throw isNobodyLeft(error) ? notReady(this.name) : error;
    }
  }

  #reserve(prompt: Prompt, request: TokensRequest, tries: Tries): Reservation {
    const wanted = { ...this.#wanted(prompt, request), requestId: tries.id ?? crypto.randomUUID() };
    const explain = request.explain === true;
    const route = (excluded: ReadonlySet<InstanceId>): Reservation =>
      this.router.route({ ...wanted, explain, ...(excluded.size > 0 && { excluded }) });
    const avoided = request.pin === undefined ? this.#avoided() : NOBODY;
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

  #wanted(prompt: Prompt, { pin, dpRank, override }: TokensRequest): Omit<RouteRequest, "requestId"> {
    if (pin !== undefined && !this.#workers.has(pin)) throw noSuchWorker(this.name, pin);
    return {
      prompt,
      ...(pin !== undefined && { allowed: new Set([pin]) }),
      ...(dpRank !== undefined && { dpRank }),
      ...(override && { override }),
    };
  }

  #decision(
    { worker, overlapBlocks, explanation }: Pick<Reservation, "worker" | "overlapBlocks" | "explanation">,
    { tokens }: Prompt,
  ): RoutingDecision {
    const promptBlocks = Math.ceil(tokens / this.router.blockSize);
    return { dpRank: worker.dpRank, overlapBlocks, promptBlocks, explanation };
  }

  async #send(
    reservation: Reservation,
    prompt: Prompt,
    request: TokensRequest,
    options: CallOptions,
  ): Promise<Routed> {
    const { active, worker } = reservation;
    const { workerId } = worker;
    const decision = this.#decision(reservation, prompt);
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

function scoreOfChosen({
  chosen,
  candidates,
}: RoutingExplanation): Pick<Decision, "worker" | "overlapBlocks"> {
  const isChosen = ({ workerId, dpRank }: WorkerRank): boolean =>
    workerId === chosen.workerId && dpRank === chosen.dpRank;
  return { worker: chosen, overlapBlocks: candidates.find(isChosen)?.overlapBlocks ?? 0 };
}
