/**
 * Picks who answers a request. In most modes the request plane picks the worker within one endpoint and asks another
 * one when the first fails; what remains is the choice among endpoints that serve the same model, and to pass over
 * workers that are busy. In mode `kv` the worker is chosen by what it has cached.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { CallOptions, InstanceId, ResponseStream } from "@dynamo/request-plane-core";
import { HttpError } from "./errors.ts";
import type { KvRouting } from "./kv/kv-routing.ts";
import type { ChatClient, Model, ModelEndpoint } from "./model.ts";
import { mayGoElsewhere, noSuchWorker, notReady } from "./routed-request.ts";
import type { Preview, Routed, RoutedRequest } from "./routed-request.ts";
import type { RouterMode } from "./router-options.ts";
import { missingPin } from "./worker-pin.ts";

type Payload = ReturnType<RoutedRequest["payload"]>;
type Call = (client: ChatClient, request: Payload, options: CallOptions) => Promise<ResponseStream<unknown>>;

const roundRobin: Call = (client, request, options) => client.roundRobin(request, options);

const CALLS: Readonly<Record<Exclude<RouterMode, "direct">, Call>> = {
  "round-robin": roundRobin,
  random: (client, request, options) => client.random(request, options),
  "power-of-two": (client, request, options) => client.powerOfTwo(request, options),
  "least-loaded": (client, request, options) => client.leastLoaded(request, options),
  // Of models without tokens, which have no blocks to go by.
  kv: roundRobin,
};

export class Router {
  readonly #mode: RouterMode;
  readonly #kv: KvRouting | undefined;
  #turn = 0;

  /** @param kv what mode `kv` goes by, and who is busy in the other modes; absent when nobody asks */
  constructor(mode: RouterMode, kv?: KvRouting) {
    this.#mode = mode;
    this.#kv = kv;
  }

  /**
   * Resolves when the first item of the response is there. Rejects with the error of the last worker that was
   * asked, or with an {@link HttpError} when nobody can be.
   */
  async call(model: Model, request: RoutedRequest, options: CallOptions): Promise<Routed> {
    const { pin, prompt, dpRank } = request;
    if (pin === undefined && this.#mode === "direct") throw missingPin();
    const kv = this.#kv?.of(model.name);
    if (kv && prompt && this.#mode === "kv") return kv.call({ ...request, prompt }, options);
    const busy = kv?.router.busyWorkers() ?? NOBODY;
    const decision = dpRank === undefined ? {} : { dpRank };
    const payload = request.payload(decision);
    const attempts = pin === undefined ? this.#attempts(model, busy) : [pinned(model, pin, busy)];
    return { stream: await firstOf(attempts, payload, options, model), decision };
  }

  /**
   * Where mode `kv` would send the request now. Throws an {@link HttpError} of status 400 in other modes, which know
   * only when they send it.
   */
  preview(model: Model, request: RoutedRequest): Preview {
    const kv = this.#kv?.of(model.name);
    if (kv && request.prompt && this.#mode === "kv")
      return kv.preview({ ...request, prompt: request.prompt });
    const message =
      "Validation: query_instance_id needs a frontend in router mode 'kv' and a model that takes tokens";
    throw new HttpError(400, message, { param: "nvext.annotations" });
  }

  /**
   * Each endpoint that has a worker, a different one first each time. Where not all workers may be asked, those that may
   * take turns. Throws `overloaded` when all are busy.
   */
  #attempts(model: Model, busy: ReadonlySet<InstanceId>): Attempt[] {
    const call = this.#mode === "direct" ? roundRobin : CALLS[this.#mode];
    const endpoints = model.endpoints.filter((endpoint) => model.routable(endpoint).length > 0);
    const turn = this.#turn++;
    const attempts = rotate(endpoints, turn).flatMap((endpoint) => {
      const all = model.routable(endpoint);
      const free = all.filter(({ instance_id: id }) => !busy.has(id));
      return free.length === all.length && model.owns(endpoint)
        ? [(request: Payload, options: CallOptions) => call(endpoint.client, request, options)]
        : rotate(free, turn).map(({ instance_id: id }) => direct(endpoint, id));
    });
    if (attempts.length === 0 && endpoints.length > 0) throw allBusy();
    return attempts;
  }
}

const NOBODY: ReadonlySet<InstanceId> = new Set();

function allBusy(): RequestPlaneError {
  return new RequestPlaneError("overloaded", "All workers are over a busy threshold");
}

type Attempt = (request: Payload, options: CallOptions) => Promise<ResponseStream<unknown>>;

async function firstOf(
  attempts: readonly Attempt[],
  payload: Payload,
  options: CallOptions,
  model: Model,
): Promise<ResponseStream<unknown>> {
  let failure: RequestPlaneError | undefined;
  for (const attempt of attempts) {
    try {
      return await attempt(payload, options);
    } catch (error) {
      failure = RequestPlaneError.from(error);
      if (options.signal?.aborted === true || !mayGoElsewhere(failure)) break;
    }
  }
  throw failure ?? notReady(model.name);
}

function direct({ client }: ModelEndpoint, id: InstanceId): Attempt {
  return (request, options) => client.direct(request, id, options);
}

function pinned(model: Model, id: InstanceId, busy: ReadonlySet<InstanceId>): Attempt {
  const endpoint = model.endpoints.find((candidate) =>
    model.routable(candidate).some((instance) => instance.instance_id === id),
  );
  if (endpoint && busy.has(id)) throw allBusy();
  if (endpoint) return direct(endpoint, id);
  throw noSuchWorker(model.name, id);
}

function rotate<Item>(list: readonly Item[], turn: number): Item[] {
  const start = list.length === 0 ? 0 : turn % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}
