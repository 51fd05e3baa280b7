/**
 * Workers whose connections can be broken, and a caller that migrates.
 */
import { memoryDiscovery } from "@dynamo/discovery";
import type { EngineOutput, PreprocessedRequest } from "@dynamo/preprocessor/protocol";
import { FaultProxy } from "@dynamo/request-plane-conformance";
import { createNetworkManager, formatSocketAddress, parseSocketAddress } from "@dynamo/request-plane-core";
import type { EndpointClient, NetworkManager, ServedEndpoint } from "@dynamo/request-plane-core";
import { tcp } from "@dynamo/request-plane-tcp";
import { pino } from "pino";
import { migrate } from "../../../src/migration/migrate.ts";
import type { EngineItems } from "../../../src/tokens/engine-call.ts";
import { engine } from "./engine.ts";

const NAME = "dynamo.backend.generate";
const logger = pino({ level: "silent" });

/** Long enough, mostly, for what was written to reach the caller. */
const ARRIVAL_MS = 2;

/** Where and how a connection is to break: before this token, when what was written has arrived or is still on its way. */
interface Break {
  readonly place: number;
  readonly afterArrival: boolean;
}

class Worker {
  readonly manager: NetworkManager;
  readonly served: ServedEndpoint;
  readonly proxy: FaultProxy;

  constructor(manager: NetworkManager, served: ServedEndpoint, proxy: FaultProxy) {
    this.manager = manager;
    this.served = served;
    this.proxy = proxy;
  }
}

export class Fleet implements AsyncDisposable {
  /** Workers that were lost, of all requests. */
  lost = 0;
  readonly #discovery = memoryDiscovery();
  readonly #workers: Worker[] = [];
  readonly #caller: NetworkManager;
  readonly #client: EndpointClient<PreprocessedRequest, EngineOutput>;
  /** Of each request, those that are to come. */
  readonly #breaks = new Map<string, Break[]>();

  private constructor() {
    this.#caller = createNetworkManager({ transports: [tcp()], discovery: this.#discovery, logger });
    this.#client = this.#caller.endpoint<PreprocessedRequest, EngineOutput>(NAME).client();
  }

  static async start(workers: number): Promise<Fleet> {
    const fleet = new Fleet();
    for (let index = 0; index < workers; index += 1) await fleet.#addWorker();
    await fleet.#client.waitForInstances({ count: workers });
    return fleet;
  }

  /** The answer of whoever is asked, with the connections of its workers broken as told. */
  async ask(id: string, request: PreprocessedRequest, breaks: readonly Break[] = []): Promise<EngineItems> {
    this.#breaks.set(
      id,
      breaks.toSorted((a, b) => a.place - b.place),
    );
    const { signal } = new AbortController();
    const observer = { lost: () => (this.lost += 1), settled: () => undefined, tooLong: () => undefined };
    const call = async (sent: PreprocessedRequest): Promise<EngineItems> =>
      (await this.#client.roundRobin(sent, { id, signal })).batches();
    // Whoever shares a connection with a request is lost with it.
    return migrate(request, call, { limit: 1_000, signal, observer });
  }

  /** What counts requests; all zero at rest. */
  counts(): readonly number[] {
    const { responsesAwaited } = this.#caller.health();
    const ofWorkers = this.#workers.flatMap(({ manager, served }) => [
      served.inFlight,
      manager.health().responsesWritten,
    ]);
    return [this.#client.inFlight, responsesAwaited, ...ofWorkers];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#caller.close();
    for (const { manager, proxy } of this.#workers) {
      await manager.close({ drainMs: 0 });
      await proxy.close();
    }
    await this.#discovery.close();
  }

  async #addWorker(): Promise<void> {
    // What the worker registers, the caller sees with the address of the proxy.
    const own = memoryDiscovery();
    const manager = createNetworkManager({ transports: [tcp()], discovery: own, logger });
    const handler = engine((id, place) => this.#breakDue(id, place, () => proxy.disconnect("reset")));
    const served = await manager.endpoint<unknown, EngineOutput>(NAME).serve(handler);
    const [address = "", ...path] = String(served.instance.transport["tcp"]).split("/");
    const proxy = await FaultProxy.start(parseSocketAddress(address));
    this.#workers.push(new Worker(manager, served, proxy));
    const through = [formatSocketAddress(proxy.address), ...path].join("/");
    for (const record of await own.list({ type: "Endpoint" })) {
      await this.#discovery.register({ ...record, transport: { tcp: through } });
    }
  }

  #breakDue(id: string, place: number, disconnect: () => void): Promise<void> | undefined {
    const breaks = this.#breaks.get(id);
    const next = breaks?.[0];
    if (!breaks || !next || next.place > place) return undefined;
    breaks.shift();
    if (!next.afterArrival) {
      disconnect();
      return undefined;
    }
    return new Promise((resolve) => {
      setTimeout(() => {
        disconnect();
        resolve();
      }, ARRIVAL_MS);
    });
  }
}
