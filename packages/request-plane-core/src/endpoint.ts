/**
 * The API of people who write a worker or a gateway: an endpoint is served by a generator and called like
 * one. The names are those of Dynamo's own Python: `endpoint`, `serve`, `client`, `wait_for_instances`,
 * `round_robin`, `random`, `direct`.
 */
import type { EndpointName } from "./endpoint-name.ts";
import type { Instance, InstanceId } from "./instance.ts";
import type { ResponseStream } from "./response-stream.ts";
import type { Timeouts } from "./timeouts.ts";
import type { Headers } from "./transport.ts";

export interface Endpoint<Request = unknown, Item = unknown> {
  readonly name: EndpointName;

  /**
   * Serves the endpoint on the manager's plane and registers it in discovery. Resolves when callers can
   * find it. Rejects with `address_in_use`, `conflict` or whatever discovery says.
   */
  serve(handler: Handler<Request, Item>, options?: ServeOptions): Promise<ServedEndpoint>;

  /** A client that follows discovery from now on. */
  client(): EndpointClient<Request, Item>;
}

/**
 * Answers one request with any number of items, most simply as an async generator. An error it throws
 * reaches the caller as an error item, and the stream ends. The generator's `return` is called when the
 * caller is gone, so `finally` blocks run.
 */
export type Handler<Request, Item> = (
  request: Request,
  context: RequestContext,
) => AsyncIterable<Item> | Iterable<Item>;

export interface RequestContext {
  /** The caller's id of the request, normally a UUID. */
  readonly id: string;
  /**
   * Aborts when the caller wants no more: on `stop`, on `kill`, when its connection is lost and when the
   * deadline has passed. The reason is a `RequestPlaneError`.
   */
  readonly signal: AbortSignal;
  /** Headers of the request, names in lower case, `request-id` among them. */
  readonly headers: Headers;
  /** Context values of the caller (`metadata` of the control message, 1.3 and later). */
  readonly metadata: Headers;
  /** When the caller gives up, in milliseconds since the epoch. `undefined` when it set no total bound. */
  readonly deadline: number | undefined;
  /** The caller asked for an end and still reads: last items and usage reach it. */
  readonly isStopped: boolean;
  /** The caller reads no more. */
  readonly isKilled: boolean;
}

export interface ServeOptions {
  /** Name of the plane, one of the manager's transports. Default: the manager's `serve`. */
  readonly plane?: string;
  /**
   * Default: the manager's id, shared by all its endpoints as in Dynamo. An instance has one address, so an
   * endpoint that is served on a second plane is another instance, with a random id by default.
   */
  readonly instanceId?: InstanceId;
  /** Requests at the same time; more are refused as `overloaded`. Default: `DYN_ENGINE_REQUEST_LIMIT`, else 10000. */
  readonly maxInFlight?: number;
}

export interface ServedEndpoint {
  /** What discovery shows. */
  readonly instance: Instance;
  /** Requests accepted whose response has not ended. */
  readonly inFlight: number;
  /**
   * Leaves discovery, then waits for running requests, then cuts those that are over the budget.
   * Calling it again returns the same promise.
   */
  close(options?: CloseOptions): Promise<void>;
}

export interface CloseOptions {
  /** How long running requests may take to finish, in milliseconds. Default 30 000. */
  readonly drainMs?: number;
}

export interface EndpointClient<Request = unknown, Item = unknown> {
  readonly name: EndpointName;

  /** The instances known now, whatever their state. */
  instances(): readonly Instance[];

  /**
   * Instances that have failed or had no room lately, which the other methods pass over at the moment. For whoever
   * chooses by itself and calls `direct`.
   */
  avoided(): ReadonlySet<InstanceId>;

  /** Resolves when at least `count` instances are known. Rejects with `no_instances` after the time-out. */
  waitForInstances(options?: WaitOptions): Promise<readonly Instance[]>;

  /**
   * Sends one request and resolves with its stream when the first item, or a clean end, is there. Until
   * then a worker that fails is replaced by another one, unless `failover` is false; from then on the stream
   * is bound to its worker. Rejects with a `RequestPlaneError`.
   */
  roundRobin(request: Request, options?: CallOptions): Promise<ResponseStream<Item>>;
  random(request: Request, options?: CallOptions): Promise<ResponseStream<Item>>;
  /** The instance with the fewest requests of this client under way; ties are taken in turn. */
  leastLoaded(request: Request, options?: CallOptions): Promise<ResponseStream<Item>>;
  /** Of two instances, drawn by lot, the one with fewer requests of this client under way. */
  powerOfTwo(request: Request, options?: CallOptions): Promise<ResponseStream<Item>>;
  /** The named instance and no other, whatever is known of its health. */
  direct(request: Request, instance: InstanceId, options?: CallOptions): Promise<ResponseStream<Item>>;

  /** Requests of this client under way. Zero at rest. */
  readonly inFlight: number;

  /** Stops following discovery. Streams under way go on. */
  close(): Promise<void>;
}

export interface WaitOptions {
  /** Default 1. */
  readonly count?: number;
  /** In milliseconds; default 30 000, 0 waits for ever. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface CallOptions {
  /** Default: a new UUID. */
  readonly id?: string;
  /** Aborting it kills the request at the worker, in every state. */
  readonly signal?: AbortSignal;
  /** Sent along with Dynamo's own; names in lower case. */
  readonly headers?: Headers;
  /** Context values for the worker; read by workers of 1.3 and later. */
  readonly metadata?: Headers;
  /** Bounds that differ from the manager's for this call. */
  readonly timeouts?: Partial<Timeouts>;
  /** Whether another instance may be asked when one fails before its first item. Default true. */
  readonly failover?: boolean;
  /**
   * Called once when the call is over, however it ended: refused, failed, its stream ended or left. What is counted
   * for a call is given back here. Must not throw.
   */
  readonly onEnd?: () => void;
}
