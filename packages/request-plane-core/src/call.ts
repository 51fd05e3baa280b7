/**
 * One call of a client: asks instances, one after the other, until one begins to answer, and lasts as long as the
 * answer does.
 */
import { randomUUID } from "node:crypto";
import { CallRequest } from "./call-request.ts";
import type { CallOptions } from "./endpoint.ts";
import { RequestPlaneError } from "./errors.ts";
import { formatInstanceId } from "./instance.ts";
import type { TrackedInstance, Unanswered } from "./instance-set.ts";
import type { Link } from "./linked-list.ts";
import type { PayloadCodec } from "./payload-codec.ts";
import { ResponseBuffer } from "./response-buffer.ts";
import type { ResponseLimits } from "./response-buffer.ts";
import type { ResponsePlane, ResponseSlot } from "./response-plane.ts";
import { ResponseReader } from "./response-reader.ts";
import type { ReaderBounds, ReaderOwner } from "./response-reader.ts";
import { ResponseStream } from "./response-stream.ts";
import type { Route, Routes } from "./route.ts";
import { deadlineExceeded, LONGEST_TIMER_MS } from "./timeouts.ts";

/** What a call needs of the process it lives in. */
export interface Caller extends ReaderBounds {
  readonly routes: Routes;
  /** Where workers call home. */
  readonly callHome: ResponsePlane;
  readonly limits: ResponseLimits;
  /** Spoken with instances that advertise it, instead of JSON. */
  readonly payloadCodec: PayloadCodec | undefined;
  /** Responses that are awaited or read and come in-band. Zero at rest. */
  inBandResponses: number;
}

/** Picks an instance that was not tried, or says that there is none left. */
export type Next = (tried: ReadonlySet<TrackedInstance>) => TrackedInstance | undefined;

/** Instances that may use up their time before a call gives up. Those that fail at once are not counted. */
const MAX_TIMED_OUT = 2;

export class Call<Item> implements ReaderOwner, Unanswered {
  readonly id: string;
  readonly #caller: Caller;
  readonly #options: CallOptions;
  readonly #bounds: ReaderBounds;
  readonly #request: CallRequest;
  /** These three until an instance has begun to answer. */
  #next: Next | undefined;
  #resolve: ((stream: ResponseStream<Item>) => void) | undefined;
  #reject: ((error: RequestPlaneError) => void) | undefined;
  readonly #onEnd: () => void;
  readonly #totalTimer: NodeJS.Timeout | undefined;
  /** For transports, which may have a request waiting: made only when something can end the call early. */
  readonly #ending: AbortController | undefined;
  /** What is asked, or answers, now. */
  #target: TrackedInstance | undefined;
  #reader: ResponseReader<Item> | undefined;
  /** Its place among the requests that the target has not begun to answer. */
  #unanswered: Link<Unanswered> | undefined;
  #isInBand = false;
  #isOpen = false;
  /** Made with the first failure. */
  #tried: Set<TrackedInstance> | undefined;
  #timedOut = 0;
  #failure: RequestPlaneError | undefined;
  /** Why no further instance may be asked. */
  #over: RequestPlaneError | undefined;

  /** `onEnd` is called once, when all is over. Throws `invalid_argument` for a request that can't be written. */
  constructor(caller: Caller, request: unknown, options: CallOptions, onEnd: () => void) {
    this.#caller = caller;
    this.#options = options;
    this.#bounds = boundsOf(caller, options);
    this.#onEnd = onEnd;
    this.id = options.id ?? randomUUID();
    const { totalMs } = this.#bounds.timeouts;
    this.#request = new CallRequest(this.id, request, options, { totalMs, codec: caller.payloadCodec });
    if (totalMs > 0 && totalMs <= LONGEST_TIMER_MS)
      this.#totalTimer = setTimeout(() => this.#end(deadlineExceeded("total", totalMs)), totalMs);
    const { signal } = options;
    if (totalMs > 0 || signal) this.#ending = new AbortController();
    signal?.addEventListener("abort", this);
    if (signal?.aborted) this.handleEvent();
  }

  /**
   * Asks what `next` picks, given the instances that were tried and failed. When none is left, rejects with the
   * last failure.
   */
  run(next: Next): Promise<ResponseStream<Item>> {
    this.#next = next;
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#ask();
    });
  }

  /** The instance has begun to answer. */
  opened(): void {
    const { id } = this;
    const target = this.#target;
    const reader = this.#reader;
    if (!target || !reader) return;
    this.#isOpen = true;
    this.#leaveUnanswered(target);
    if (reader.isClosed) this.#close();
    else target.health.succeeded();
    this.#resolve?.(new ResponseStream(id, target.id, reader));
    // It is sent to nobody else, and may be open for long.
    this.#request.release();
    this.#next = this.#resolve = this.#reject = undefined;
  }

  /** The response is over, or there will be none from this instance. */
  closed(error: RequestPlaneError | undefined): void {
    const target = this.#target;
    if (!target) return;
    target.inFlight -= 1;
    this.#leaveUnanswered(target);
    this.#leaveInBand();
    note(target, error);
    if (this.#isOpen) this.#close();
    else if (error) this.#failed(target, error);
  }

  removed(error: RequestPlaneError): void {
    this.#reader?.cancel(error);
  }

  /** The caller's signal was aborted. */
  handleEvent(): void {
    const cause: unknown = this.#options.signal?.reason;
    this.#end(new RequestPlaneError("cancelled", "The caller aborted the request", { cause }));
  }

  #ask(): void {
    const isGivenUp = this.#over !== undefined || this.#timedOut === MAX_TIMED_OUT;
    const target = isGivenUp ? undefined : this.#next?.(this.#tried ?? NONE);
    if (target) this.#attempt(target);
    else this.#giveUp();
  }

  #attempt(target: TrackedInstance): void {
    const buffer = new ResponseBuffer(this.#caller.limits);
    const reader = new ResponseReader<Item>(buffer, this.#bounds, this);
    this.#target = target;
    this.#reader = reader;
    target.inFlight += 1;
    target.health.sent();
    this.#unanswered = target.unanswered.add(this);
    reader.open();
    try {
      const route = (target.route ??= this.#caller.routes.to(target.record));
      reader.codec = this.#request.encodeFor(route);
      if (route.inBand === undefined) this.#callHome(route, reader, buffer);
      else this.#exchange(target, route, reader, buffer);
    } catch (error) {
      reader.undelivered(RequestPlaneError.from(error));
    }
  }

  #exchange(
    target: TrackedInstance,
    route: Route,
    reader: ResponseReader<Item>,
    buffer: ResponseBuffer,
  ): void {
    const request = this.#request.inBand(route);
    this.#isInBand = true;
    this.#caller.inBandResponses += 1;
    const declined = (): void => {
      this.#leaveInBand();
      try {
        target.route = this.#caller.routes.without(target.record, route);
        this.#callHome(target.route, reader, buffer);
      } catch (error) {
        reader.undelivered(RequestPlaneError.from(error));
      }
    };
    buffer.onDeclined = declined;
    route.client.exchange?.(request, buffer);
  }

  #callHome(route: Route, reader: ResponseReader<Item>, buffer: ResponseBuffer): void {
    const slot = this.#caller.callHome.open(this.id, buffer);
    const delivered =
      slot instanceof Promise
        ? slot.then((opened) => this.#deliver(route, opened, buffer))
        : this.#deliver(route, slot, buffer);
    delivered.then(
      () => reader.acknowledged(),
      (error: unknown) => reader.undelivered(RequestPlaneError.from(error)),
    );
  }

  #deliver(route: Route, slot: ResponseSlot, buffer: ResponseBuffer): Promise<void> {
    buffer.slot = slot;
    if (buffer.error) {
      slot.abandon();
      return Promise.reject(buffer.error);
    }
    return route.client.deliver(this.#request.callingHome(route, slot.connectionInfo, this.#ending?.signal));
  }

  #leaveUnanswered({ unanswered }: TrackedInstance): void {
    if (this.#unanswered) unanswered.remove(this.#unanswered);
    this.#unanswered = undefined;
  }

  #leaveInBand(): void {
    if (!this.#isInBand) return;
    this.#isInBand = false;
    this.#caller.inBandResponses -= 1;
  }

  #failed(target: TrackedInstance, error: RequestPlaneError): void {
    const failure = this.#describe(error, target);
    this.#failure = failure;
    this.#reader = undefined;
    if (!failure.retryableElsewhere || this.#options.failover === false) {
      this.#close();
      this.#reject?.(failure);
      return;
    }
    if (failure.code === "deadline_exceeded") this.#timedOut += 1;
    this.#tried ??= new Set();
    this.#tried.add(target);
    // In a turn of its own: many instances may fail at once.
    queueMicrotask(() => this.#ask());
  }

  #giveUp(): void {
    this.#close();
    const nobody = new RequestPlaneError("no_instances", "No instance to send the request to");
    this.#reject?.(this.#over ?? this.#failure ?? nobody);
  }

  #describe(error: RequestPlaneError, target: TrackedInstance): RequestPlaneError {
    const { component, namespace, endpoint } = target.record;
    return error.with({
      requestId: this.id,
      instance: formatInstanceId(target.id),
      endpoint: `${namespace}.${component}.${endpoint}`,
    });
  }

  #end(error: RequestPlaneError): void {
    this.#over ??= error;
    this.#ending?.abort(error);
    this.#reader?.cancel(error);
  }

  #close(): void {
    clearTimeout(this.#totalTimer);
    this.#options.signal?.removeEventListener("abort", this);
    this.#onEnd();
  }
}

const NONE: ReadonlySet<TrackedInstance> = new Set();

function boundsOf(caller: Caller, { timeouts }: CallOptions): ReaderBounds {
  return timeouts ? { waits: caller.waits, timeouts: { ...caller.timeouts, ...timeouts } } : caller;
}

/** What the end of a request says about the instance that was asked. */
function note({ health }: TrackedInstance, error: RequestPlaneError | undefined): void {
  if (!error) health.succeeded();
  else if (error.code === "overloaded") health.overloaded(performance.now());
  else if (error.blamesInstance) health.failed(performance.now());
  else health.undecided();
}
