/**
 * A frontend and workers in this process, with real sockets between them, and a check that nothing is left.
 */
import { memoryDiscovery, modelRecord, textChatCard } from "@dynamo/discovery";
import type { ModelCard } from "@dynamo/discovery";
import { RequestPlaneError, createNetworkManager } from "@dynamo/request-plane-core";
import type {
  Discovery,
  Handler,
  ManagerHealth,
  NetworkManager,
  Registration,
  RequestContext,
  ServedEndpoint,
} from "@dynamo/request-plane-core";
import { tcp } from "@dynamo/request-plane-tcp";
import { pino } from "pino";
import { expect, onTestFinished } from "vitest";
import { Frontend } from "../../src/frontend.ts";
import { frontendCommand } from "../../src/options.ts";
import type { Options } from "../../src/options.ts";
import { sumOf } from "./metrics.ts";
import { until } from "@dynamo/test-support";

export type ChatHandler = (
  request: Record<string, unknown>,
  context: RequestContext,
) => AsyncIterable<unknown>;

const DEFAULTS: Options = {
  ...frontendCommand().opts<Options>(),
  httpHost: "127.0.0.1",
  httpPort: 0,
  requestPlane: "tcp",
  discoveryBackend: "mem",
  metricsPrefix: "dynamo_frontend",
  logLevel: "silent",
};

export interface WorkerOptions {
  readonly model?: string;
  readonly endpoint?: string;
  readonly card?: Partial<ModelCard>;
}

/** One worker process, as far as others can tell. */
export class Worker {
  readonly manager: NetworkManager;
  readonly served: ServedEndpoint;
  readonly #cards: Registration[];

  constructor(manager: NetworkManager, served: ServedEndpoint, cards: Registration[]) {
    this.manager = manager;
    this.served = served;
    this.#cards = cards;
  }

  get id(): bigint {
    return this.served.instance.instance_id;
  }

  async withdrawCard(): Promise<void> {
    for (const card of this.#cards) await card.unregister();
  }
}

export class Deployment {
  readonly discovery: Discovery = memoryDiscovery();
  readonly frontend: Frontend;
  readonly workers: Worker[] = [];
  #url = "";

  constructor(options: Partial<Options> = {}) {
    this.frontend = new Frontend({
      options: { ...DEFAULTS, ...options },
      transports: [tcp()],
      discovery: this.discovery,
      logger: pino({ level: "silent" }),
    });
  }

  get url(): string {
    return this.#url;
  }

  async start(): Promise<void> {
    this.#url = await this.frontend.start();
  }

  /** Resolves when the frontend has seen the worker. */
  async serve(handler: ChatHandler, options: WorkerOptions = {}): Promise<Worker> {
    const { model = "m" } = options;
    const worker = await this.launch(handler, options);
    await until(`the frontend sees ${model}`, () => this.sees(worker, model));
    return worker;
  }

  async launch(handler: ChatHandler, options: WorkerOptions): Promise<Worker> {
    const { model = "m", endpoint = "dynamo.backend.generate", card } = options;
    const manager = createNetworkManager({ transports: [tcp()], discovery: this.discovery });
    const served = await manager.endpoint(endpoint).serve(handler as Handler<unknown, unknown>);
    const record = modelRecord(served.instance, textChatCard(model, card));
    const worker = new Worker(manager, served, [await this.discovery.register(record)]);
    this.workers.push(worker);
    return worker;
  }

  sees(worker: Worker, model: string): boolean {
    const found = this.frontend.models.get(model);
    return (
      found?.endpoints.some((endpoint) =>
        found.routable(endpoint).some(({ instance_id: id }) => id === worker.id),
      ) ?? false
    );
  }

  /** Everything that counts requests is back at zero. */
  async rest(): Promise<void> {
    const { frontend, workers } = this;
    const counts = async () => ({
      gauges: sumOf(await frontend.metrics.text(), /^dynamo_\w+_(inflight|active|queued)_requests/),
      running: frontend.running.size,
      inFlight: frontend.models.inFlight,
      awaited: frontend.manager.health().responsesAwaited,
      written: workers.reduce((sum, { manager }) => sum + manager.health().responsesWritten, 0),
      served: workers.reduce((sum, { served }) => sum + served.inFlight, 0),
    });
    await expect
      .poll(counts)
      .toEqual({ gauges: 0, running: 0, inFlight: 0, awaited: 0, written: 0, served: 0 });
  }

  async close(): Promise<void> {
    await this.frontend.close();
    for (const { manager } of this.workers) await manager.close({ drainMs: 100 });
    await this.discovery.close();
    const managers = [this.frontend.manager, ...this.workers.map((worker) => worker.manager)];
    const left = () => managers.map((manager) => manager.health()).filter(isOpen);
    await expect.poll(left).toEqual([]);
  }
}

/** A deployment for one test. What is left over at its end fails the test. */
export async function deploy(options: Partial<Options> = {}): Promise<Deployment> {
  const deployment = new Deployment(options);
  await deployment.start();
  onTestFinished(async () => {
    try {
      await deployment.rest();
    } finally {
      await deployment.close();
    }
  });
  return deployment;
}

/** A worker that refuses each request as overloaded and keeps what it was sent. */
export async function captureEnvelopes(
  { discovery, frontend }: Deployment,
  model: string,
): Promise<Buffer[]> {
  const envelopes: Buffer[] = [];
  const server = tcp().createServer({ logger: pino({ level: "silent" }) });
  await server.start();
  onTestFinished(() => server.stop());
  const instance = { namespace: "dynamo", component: "backend", endpoint: "generate", instance_id: 7n };
  const address = await server.register({
    namespace: "dynamo",
    component: "backend",
    endpoint: "generate",
    instanceId: 7n,
    accept: ({ envelope }) => {
      envelopes.push(Buffer.from(envelope));
      return new RequestPlaneError("overloaded", "no room");
    },
  });
  const record = { ...instance, transport: { tcp: address } };
  await discovery.register({ type: "Endpoint", ...record });
  await discovery.register(modelRecord(record, textChatCard(model)));
  await until(`the frontend sees ${model}`, () => frontend.models.get(model)?.isReady === true);
  return envelopes;
}

/** Whether a manager that is closed holds anything. */
function isOpen({ planes, ...counts }: ManagerHealth): boolean {
  const ofPlanes = Object.values(planes).flatMap(({ connections, pending }) => [connections, pending]);
  return [...Object.values(counts), ...ofPlanes].some((number) => number !== 0);
}
