/**
 * Picks who answers a request. Within one endpoint the request plane picks the worker and asks another one
 * when the first fails; what remains is the choice among endpoints that serve the same model.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { CallOptions, EncodedPayload, InstanceId, ResponseStream } from "@dynamo/request-plane-core";
import { HttpError } from "./errors.ts";
import type { ChatClient, Model, ModelEndpoint } from "./model.ts";
import { missingPin } from "./worker-pin.ts";

export const ROUTER_MODES = ["round-robin", "random", "power-of-two", "least-loaded", "direct"] as const;
export type RouterMode = (typeof ROUTER_MODES)[number];

type Call = (
  client: ChatClient,
  request: EncodedPayload,
  options: CallOptions,
) => Promise<ResponseStream<unknown>>;

const CALLS: Readonly<Record<Exclude<RouterMode, "direct">, Call>> = {
  "round-robin": (client, request, options) => client.roundRobin(request, options),
  random: (client, request, options) => client.random(request, options),
  "power-of-two": (client, request, options) => client.powerOfTwo(request, options),
  "least-loaded": (client, request, options) => client.leastLoaded(request, options),
};

export class Router {
  readonly #mode: RouterMode;
  #turn = 0;

  constructor(mode: RouterMode) {
    this.#mode = mode;
  }

  /**
   * Resolves with the stream when its first item is there. Rejects with the error of the last worker that was
   * asked, or with an {@link HttpError} when nobody can be.
   */
  async call(model: Model, request: EncodedPayload, options: CallOptions & { pin: InstanceId | undefined }) {
    const { pin, ...callOptions } = options;
    const attempts = pin === undefined ? this.#attempts(model) : [pinned(model, pin)];
    let failure: RequestPlaneError | undefined;
    for (const attempt of attempts) {
      try {
        return await attempt(request, callOptions);
      } catch (error) {
        failure = RequestPlaneError.from(error);
        if (options.signal?.aborted === true || !mayGoElsewhere(failure)) break;
      }
    }
    throw failure ?? notReady(model);
  }

  /** Each endpoint that has a worker, a different one first each time. */
  #attempts(model: Model): Attempt[] {
    if (this.#mode === "direct") throw missingPin();
    const call = CALLS[this.#mode];
    const endpoints = model.endpoints.filter((endpoint) => model.routable(endpoint).length > 0);
    const turn = this.#turn++;
    return rotate(endpoints, turn).flatMap((endpoint) =>
      model.owns(endpoint)
        ? [(request, options) => call(endpoint.client, request, options)]
        : rotate(model.routable(endpoint), turn).map(({ instance_id: id }) => direct(endpoint, id)),
    );
  }
}

type Attempt = (request: EncodedPayload, options: CallOptions) => Promise<ResponseStream<unknown>>;

function direct({ client }: ModelEndpoint, id: InstanceId): Attempt {
  return (request, options) => client.direct(request, id, options);
}

function pinned(model: Model, id: InstanceId): Attempt {
  const endpoint = model.endpoints.find((candidate) =>
    model.routable(candidate).some((instance) => instance.instance_id === id),
  );
  if (endpoint) return direct(endpoint, id);
  throw new HttpError(503, `Model '${model.name}' has no worker with the instance id ${id}`, {
    headers: { "retry-after": "1" },
  });
}

function notReady(model: Model): HttpError {
  return new HttpError(503, `Model '${model.name}' has no worker that can take a request at the moment`, {
    headers: { "retry-after": "1" },
  });
}

function mayGoElsewhere(error: RequestPlaneError): boolean {
  return error.retryableElsewhere || error.code === "no_instances";
}

function rotate<Item>(list: readonly Item[], turn: number): Item[] {
  const start = list.length === 0 ? 0 : turn % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}
