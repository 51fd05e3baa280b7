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
import { candidatesOf, leastLoaded, random, roundRobin } from "./routing.ts";
import type { Picker } from "./routing.ts";

const NO_OPTIONS: CallOptions = {};

export class RoutedClient<Request, Item> implements EndpointClient<Request, Item> {
  readonly name: EndpointName;
  readonly #caller: Caller;
  readonly #instances: InstanceSet;
  readonly #onClose: () => void;
  readonly #roundRobin = this.#nextBy(roundRobin());
  readonly #random = this.#nextBy(random());
  readonly #leastLoaded = this.#nextBy(leastLoaded());
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

  direct(request: Request, instance: InstanceId, options?: CallOptions): Promise<ResponseStream<Item>> {
    const target = this.#instances.get(instance);
    if (!target) return Promise.reject(this.#noInstance(`no instance ${formatInstanceId(instance)}`));
    return this.#call(request, (tried) => (tried.has(target) ? undefined : target), options);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#instances.close();
    this.#onClose();
  }

  #call(request: Request, next: Next, options: CallOptions = NO_OPTIONS): Promise<ResponseStream<Item>> {
    if (this.#closed) return Promise.reject(new RequestPlaneError("closed", "The client is closed"));
    if (this.#instances.all.length === 0) return Promise.reject(this.#noInstance("no instances"));
    this.#inFlight += 1;
    try {
      return new Call<Item>(this.#caller, request, options, this.#onCallEnd).run(next);
    } catch (error) {
      this.#onCallEnd();
      return Promise.reject(RequestPlaneError.from(error));
    }
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
