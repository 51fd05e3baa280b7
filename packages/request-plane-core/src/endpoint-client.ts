import { Call } from "./call.ts";
import type { Caller, Next } from "./call.ts";
import type { Discovery } from "./discovery.ts";
import { formatEndpointName } from "./endpoint-name.ts";
import type { EndpointName } from "./endpoint-name.ts";
import type { CallOptions, EndpointClient, WaitOptions } from "./endpoint.ts";
import { RequestPlaneError } from "./errors.ts";
import { formatInstanceId } from "./instance.ts";
import type { Instance, InstanceId } from "./instance.ts";
import { InstanceSet } from "./instance-set.ts";
import type { ResponseStream } from "./response-stream.ts";
import { candidatesOf, leastLoaded, powerOfTwo, random, roundRobin } from "./routing.ts";
import type { Picker } from "./routing.ts";

const NO_OPTIONS: CallOptions = {};
const NOBODY: ReadonlySet<InstanceId> = new Set();

export class RoutedClient<Request, Item> implements EndpointClient<Request, Item> {
  readonly name: EndpointName;
  readonly #caller: Caller;
  readonly #instances: InstanceSet;
  readonly #onClose: () => void;
  readonly #roundRobin = this.#nextBy(roundRobin());
  readonly #random = this.#nextBy(random());
  readonly #leastLoaded = this.#nextBy(leastLoaded());
  readonly #powerOfTwo = this.#nextBy(powerOfTwo());
  #inFlight = 0;
  #closed = false;
  readonly #onCallEnd = (): void => {
    this.#inFlight -= 1;
  };

  constructor(name: EndpointName, discovery: Discovery, caller: Caller, onClose: () => void) {
    this.name = name;
    this.#caller = caller;
    this.#onClose = onClose;
    this.#instances = new InstanceSet(discovery, name);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  instances(): readonly Instance[] {
    return this.#instances.all.map((instance) => instance.record);
  }

  avoided(): ReadonlySet<InstanceId> {
    const { all } = this.#instances;
    if (all.every(({ health }) => health.isHealthy)) return NOBODY;
    const now = performance.now();
    return new Set(all.filter(({ health }) => !health.isUsable(now)).map(({ id }) => id));
  }

  waitForInstances(options?: WaitOptions): Promise<readonly Instance[]> {
    return this.#instances.wait(options);
  }

  roundRobin(request: Request, options?: CallOptions): Promise<ResponseStream<Item>> {
    return this.#call(request, this.#roundRobin, options);
  }

  random(request: Request, options?: CallOptions): Promise<ResponseStream<Item>> {
    return this.#call(request, this.#random, options);
  }

  leastLoaded(request: Request, options?: CallOptions): Promise<ResponseStream<Item>> {
    return this.#call(request, this.#leastLoaded, options);
  }

  powerOfTwo(request: Request, options?: CallOptions): Promise<ResponseStream<Item>> {
    return this.#call(request, this.#powerOfTwo, options);
  }

  direct(request: Request, instance: InstanceId, options?: CallOptions): Promise<ResponseStream<Item>> {
    const target = this.#instances.get(instance);
    if (!target) return refuse(this.#noInstance(`no instance ${formatInstanceId(instance)}`), options);
    return this.#call(request, (tried) => (tried.has(target) ? undefined : target), options);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#instances.close();
    this.#onClose();
  }

  #call(request: Request, next: Next, options: CallOptions = NO_OPTIONS): Promise<ResponseStream<Item>> {
    if (this.#closed) return refuse(new RequestPlaneError("closed", "The client is closed"), options);
    if (this.#instances.all.length === 0) return refuse(this.#noInstance("no instances"), options);
    this.#inFlight += 1;
    const onEnd = this.#endingWith(options);
    try {
      return new Call<Item>(this.#caller, request, options, onEnd).run(next);
    } catch (error) {
      onEnd();
      return Promise.reject(RequestPlaneError.from(error));
    }
  }

  #endingWith({ onEnd }: CallOptions): () => void {
    if (!onEnd) return this.#onCallEnd;
    return () => {
      this.#onCallEnd();
      onEnd();
    };
  }

  #nextBy(pick: Picker): Next {
    return (tried) => {
      const candidates = candidatesOf(this.#instances.all, tried);
      return candidates.length === 0 ? undefined : pick(candidates);
    };
  }

  #noInstance(what: string): RequestPlaneError {
    const endpoint = formatEndpointName(this.name);
    return new RequestPlaneError("no_instances", `Discovery shows ${what} of ${endpoint}`, {
      facts: { endpoint },
    });
  }
}

/** A call that is over before it began. */
function refuse(error: RequestPlaneError, options: CallOptions = NO_OPTIONS): Promise<never> {
  options.onEnd?.();
  return Promise.reject(error);
}
