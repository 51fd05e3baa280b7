/**
 * A request as far as choosing a worker goes, and what came of it.
 */
import type { RouteOverride, RoutingExplanation } from "@dynamo/kv-router";
import type {
  EncodedPayload,
  InstanceId,
  RequestPlaneError,
  ResponseStream,
} from "@dynamo/request-plane-core";
import { HttpError } from "./errors.ts";

export interface RoutedRequest {
  /** Token ids of the prompt; absent for models that take text. */
  readonly prompt?: ArrayLike<number> | undefined;
  /** This worker and no other. */
  readonly pin?: InstanceId | undefined;
  /** This rank of the worker. */
  readonly dpRank?: number | undefined;
  /** Not these: workers that failed this request before. Mode `kv` heeds it. */
  readonly excluded?: ReadonlySet<InstanceId> | undefined;
  /** Settings of mode `kv` for this request alone. */
  readonly override?: RouteOverride | undefined;
  /** Whether mode `kv` is to say why it chose. */
  readonly explain?: boolean | undefined;
  /** The request as the worker gets it; called for each worker that is asked. */
  payload(decision: RoutingDecision): EncodedPayload;
}

/** What was decided besides the worker. */
export interface RoutingDecision {
  /** Rank within the worker. */
  readonly dpRank?: number;
  /** Blocks of the prompt that the worker's cache is expected to hold. */
  readonly overlapBlocks?: number;
  /** Blocks of the prompt, the last one that isn't full included. */
  readonly promptBlocks?: number;
  readonly explanation?: RoutingExplanation | undefined;
}

/** A request that a worker answers; the stream knows which one. */
export interface Routed {
  readonly stream: ResponseStream<unknown>;
  readonly decision: RoutingDecision;
}

/** Where a request would go. */
export interface Preview {
  readonly worker: InstanceId;
  readonly decision: RoutingDecision;
}

/** Whether another worker may be asked after this failure. */
export function mayGoElsewhere(error: RequestPlaneError): boolean {
  return error.retryableElsewhere || error.code === "no_instances";
}

export function notReady(model: string): HttpError {
  return unavailable(`Model '${model}' has no worker that can take a request at the moment`);
}

export function noSuchWorker(model: string, id: InstanceId): HttpError {
  return unavailable(`Model '${model}' has no worker with the instance id ${id}`);
}

function unavailable(message: string): HttpError {
  return new HttpError(503, message, { headers: { "retry-after": "1" } });
}
