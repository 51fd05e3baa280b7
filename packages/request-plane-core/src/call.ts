/**
 * One call of a client: asks instances, one after the other, until one begins to answer.
 */
import { randomUUID } from "node:crypto";
import type { CallOptions } from "./endpoint.ts";
import { RequestPlaneError } from "./errors.ts";
import { TIMEOUT_HEADER } from "./handler-context.ts";
import { formatInstanceId } from "./instance.ts";
import type { Instance } from "./instance.ts";
import type { TrackedInstance } from "./instance-set.ts";
import { encodeJson, EncodedPayload } from "./payload-codec.ts";
import { ResponseBuffer } from "./response-buffer.ts";
import type { ResponsePlane } from "./response-plane.ts";
import { ResponseReader } from "./response-reader.ts";
import { ResponseStream } from "./response-stream.ts";
import { deadlineExceeded, LONGEST_TIMER_MS } from "./timeouts.ts";
import type { Timeouts } from "./timeouts.ts";
import type { Headers, RequestPlaneClient } from "./transport.ts";
import { encodeControlMessage } from "./wire/control-message.ts";
import type { ConnectionInfo } from "./wire/control-message.ts";
import { encodeTwoPartHead } from "./wire/two-part.ts";

/** What a call needs of the process it lives in. */
export interface Caller {
  readonly responsePlane: ResponsePlane;
  readonly timeouts: Timeouts;
  /** Bytes of one response that may wait for their reader. */
  readonly responseBufferBytes: number;
  /** The client of the plane that the instance advertises. Throws `cannot_connect` when there is none. */
  clientFor(instance: Instance): RequestPlaneClient;
}

/** Dynamo refuses to send larger ones (wire-protocol notes, section 1.2). */
const MAX_CONTROL_BYTES = 128 * 1024;
/** Instances that may use up their time before a call gives up. Those that fail at once are not counted. */
const MAX_TIMED_OUT = 2;

export class Call<Item> {
  readonly id: string;
  readonly #caller: Caller;
  readonly #options: CallOptions;
  readonly #timeouts: Timeouts;
  readonly #payload: EncodedPayload;
  readonly #onEnd: () => void;
  readonly #totalTimer: NodeJS.Timeout | undefined;
  readonly #startedAt = performance.now();
  /** For transports, which may have a request waiting: made only when something can end the call early. */
  readonly #ending: AbortController | undefined;
  #reader: ResponseReader<Item> | undefined;
  /** Why no further instance may be asked. */
  #over: RequestPlaneError | undefined;

  constructor(caller: Caller, request: unknown, options: CallOptions, onEnd: () => void) {
    this.#caller = caller;
    this.#options = options;
    this.#onEnd = onEnd;
    this.id = options.id ?? randomUUID();
    this.#timeouts = options.timeouts ? { ...caller.timeouts, ...options.timeouts } : caller.timeouts;
    this.#payload = request instanceof EncodedPayload ? request : encodeRequest(request);
    const { totalMs } = this.#timeouts;
    if (totalMs > 0 && totalMs <= LONGEST_TIMER_MS)
      this.#totalTimer = setTimeout(() => this.#end(deadlineExceeded("total", totalMs)), totalMs);
    if (totalMs > 0 || options.signal) this.#ending = new AbortController();
    options.signal?.addEventListener("abort", this.#abort);
    if (options.signal?.aborted) this.#abort();
  }

  /**
   * Asks what `next` picks, given the instances that were tried and failed. `next` gives `undefined` when
   * none is left; the call then rejects with the last failure.
   */
  async run(
    next: (tried: ReadonlySet<TrackedInstance>) => TrackedInstance | undefined,
  ): Promise<ResponseStream<Item>> {
    const tried = new Set<TrackedInstance>();
    let timedOut = 0;
    let failure: RequestPlaneError | undefined;
    for (;;) {
      const target = this.#over || timedOut === MAX_TIMED_OUT ? undefined : next(tried);
      if (!target) {
        this.#close();
        throw (
          this.#over ?? failure ?? new RequestPlaneError("no_instances", "No instance to send the request to")
        );
      }
      try {
        return await this.#attempt(target);
      } catch (error) {
        failure = this.#describe(error, target);
        if (!failure.retryableElsewhere || this.#options.failover === false) {
          this.#close();
          throw failure;
        }
        if (failure.code === "deadline_exceeded") timedOut += 1;
        tried.add(target);
      }
    }
  }

  /** Resolves when the instance has begun to answer. */
  async #attempt(target: TrackedInstance): Promise<ResponseStream<Item>> {
    const buffer = new ResponseBuffer(this.#caller.responseBufferBytes);
    let opened = false;
    const reader = new ResponseReader<Item>(buffer, this.#timeouts, (error) => {
      target.inFlight -= 1;
      target.onRemoved.delete(cancel);
      note(target, error);
      if (opened) this.#close();
    });
    const cancel = (error: RequestPlaneError): void => reader.cancel(error);
    target.inFlight += 1;
    target.health.sent();
    target.onRemoved.add(cancel);
    this.#reader = reader;
    try {
      await reader.open(this.#deliver(target.record, buffer));
    } catch (error) {
      this.#reader = undefined;
      throw error;
    }
    opened = true;
    if (reader.isClosed) this.#close();
    else target.health.succeeded();
    target.onRemoved.delete(cancel);
    return new ResponseStream(this.id, target.id, reader);
  }

  async #deliver(instance: Instance, buffer: ResponseBuffer): Promise<void> {
    const client = this.#caller.clientFor(instance);
    const slot = await this.#caller.responsePlane.open(this.id, buffer);
    buffer.onFailed = () => slot.abandon();
    if (buffer.error) {
      slot.abandon();
      throw buffer.error;
    }
    const head = this.#envelopeHead(slot.connectionInfo);
    const { bytes } = this.#payload;
    await client.deliver({
      address: Object.values(instance.transport)[0] ?? "",
      headers: this.#headers(),
      envelope: [head, bytes],
      envelopeBytes: head.length + bytes.length,
      ...(this.#ending && { signal: this.#ending.signal }),
    });
  }

  #envelopeHead(connectionInfo: ConnectionInfo): Buffer {
    const { metadata } = this.#options;
    const { bytes, codec } = this.#payload;
    const control = encodeControlMessage({
      id: this.id,
      connectionInfo,
      payloadCodec: codec,
      ...(metadata && { metadata }),
    });
    if (control.length > MAX_CONTROL_BYTES) {
      const facts = { actual: control.length, limit: MAX_CONTROL_BYTES };
      throw new RequestPlaneError("invalid_argument", "The call's metadata is too large", { facts });
    }
    return encodeTwoPartHead(control, bytes.length);
  }

  /** Source of the first two: wire-protocol notes, section 6. The worker is told what is left of the total. */
  #headers(): Headers {
    const { totalMs } = this.#timeouts;
    const leftMs = Math.max(1, Math.ceil(this.#startedAt + totalMs - performance.now()));
    return {
      "request-id": this.id,
      "x-frontend-send-ts-ns": `${Date.now()}000000`,
      ...(totalMs > 0 && { [TIMEOUT_HEADER]: String(leftMs) }),
      ...this.#options.headers,
    };
  }

  #describe(error: unknown, target: TrackedInstance): RequestPlaneError {
    const { component, namespace, endpoint } = target.record;
    return RequestPlaneError.from(error).with({
      requestId: this.id,
      instance: formatInstanceId(target.id),
      endpoint: `${namespace}.${component}.${endpoint}`,
    });
  }

  readonly #abort = (): void => {
    const cause: unknown = this.#options.signal?.reason;
    this.#end(new RequestPlaneError("cancelled", "The caller aborted the request", { cause }));
  };

  #end(error: RequestPlaneError): void {
    this.#over ??= error;
    this.#ending?.abort(error);
    this.#reader?.cancel(error);
  }

  #close(): void {
    clearTimeout(this.#totalTimer);
    this.#options.signal?.removeEventListener("abort", this.#abort);
    this.#onEnd();
  }
}

/** Throws `invalid_argument` for what JSON can't hold, such as an object that contains itself. */
function encodeRequest(request: unknown): EncodedPayload {
  try {
    return new EncodedPayload(Buffer.from(encodeJson(request)), "json");
  } catch (cause) {
    throw new RequestPlaneError("invalid_argument", "The request can't be written as JSON", { cause });
  }
}

/** What the end of a request says about the instance that was asked. */
function note({ health }: TrackedInstance, error: RequestPlaneError | undefined): void {
  if (!error) health.succeeded();
  else if (error.code === "overloaded") health.overloaded(performance.now());
  else if (error.blamesInstance) health.failed(performance.now());
  else health.undecided();
}
