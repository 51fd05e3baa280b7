import { memoryDiscovery, modelRecord, textChatCard } from "@dynamo/discovery";
import { createNetworkManager } from "@dynamo/request-plane-core";
import type { DiscoveryRecord, NetworkManager, Registration } from "@dynamo/request-plane-core";
import { tcp } from "@dynamo/request-plane-tcp";
import { pino } from "pino";
import { Frontend } from "../../../src/frontend.ts";
import { parseOptions } from "../../../src/options.ts";
import { text } from "../../support/chunks.ts";
import { chat, send } from "../../support/http.ts";
import type { Answer } from "../../support/http.ts";
import { until } from "@dynamo/test-support";
import { outcomeOf } from "./outcome.ts";
import type { Outcome } from "./outcome.ts";
import { ScriptedWorker } from "./scripted-worker.ts";
import type { Script } from "./scripted-worker.ts";

/** Bounds on waiting of the frontend, in milliseconds. */
export interface Limits {
  readonly acknowledge?: number;
  readonly establish?: number;
  readonly firstItem?: number;
  readonly betweenItems?: number;
}

/** A bound that is to run out. Long enough for a good worker on a machine that is busy. */
export const SHORT_MS = 1_000;
/** A bound that must not be needed. */
const LONG_MS = 20_000;
/** After this long an answer counts as one that never comes. */
const NEVER_MS = 15_000;

/** The id of the healthy worker. */
const HEALTHY = 99n;

const logger = pino({ level: "silent" });

/** A frontend and workers around it. Its end fails when something of a request is left over. */
export class Scene implements AsyncDisposable {
  readonly discovery = memoryDiscovery();
  readonly frontend: Frontend;
  readonly #scripted: ScriptedWorker[] = [];
  readonly #healthy: NetworkManager[] = [];
  #url = "";

  private constructor(limits: Limits) {
    this.frontend = new Frontend({
      options: parseOptions(flagsOf(limits), () => undefined),
      transports: [tcp({ requestTimeoutMs: limits.acknowledge ?? LONG_MS })],
      discovery: this.discovery,
      logger,
    });
  }

  static async start(limits: Limits = {}): Promise<Scene> {
    const scene = new Scene(limits);
    scene.#url = await scene.frontend.start();
    return scene;
  }

  get url(): string {
    return this.#url;
  }

  /** A worker that the frontend knows. The first one is instance 1. */
  async scripted(...scripts: Script[]): Promise<ScriptedWorker> {
    const worker = new ScriptedWorker(BigInt(this.#scripted.length + 1), scripts);
    this.#scripted.push(worker);
    await worker.start();
    worker.registrations = await this.publish(worker.endpoint, worker.card);
    await this.#sees(worker.id);
    return worker;
  }

  /** A real worker that answers `healthy`. Round-robin asks those of lower instance ids first. */
  async healthy(): Promise<void> {
    const { discovery } = this;
    const manager = createNetworkManager({ transports: [tcp()], discovery, logger, instanceId: HEALTHY });
    this.#healthy.push(manager);
    const served = await manager.endpoint("dynamo.backend.generate").serve(async function* () {
      yield text("healthy");
    });
    await this.publish(modelRecord(served.instance, textChatCard("m")));
    await this.#sees(HEALTHY);
  }

  async publish(...records: DiscoveryRecord[]): Promise<Registration[]> {
    return Promise.all(records.map((record) => this.discovery.register(record)));
  }

  /** Rejects when the answer doesn't come to an end. */
  async answer(stream: boolean): Promise<Answer> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error("The frontend never answers")), NEVER_MS);
    try {
      return await Promise.race([send(this.#url, { body: chat({ stream }) }), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async ask(stream: boolean): Promise<Outcome> {
    return outcomeOf(await this.answer(stream));
  }

  /** Nothing is under way: no request, no response that is waited for, no connection for one. */
  async rest(): Promise<void> {
    const { running, models, manager } = this.frontend;
    await until(
      "nothing is left of any request",
      () =>
        running.size === 0 &&
        models.inFlight === 0 &&
        manager.health().responsesAwaited === 0 &&
        pendingOf(manager) === 0 &&
        this.#scripted.every(({ responses }) => responses === 0),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.rest();
    } finally {
      await this.frontend.close();
      await Promise.all(this.#healthy.map((manager) => manager.close()));
    }
    try {
      await until("no connection is left", () =>
        this.#scripted.every(({ connections }) => connections === 0),
      );
      await until("nothing is open", () => isClosed(this.frontend.manager));
    } finally {
      for (const worker of this.#scripted) await worker.stop();
      await this.discovery.close();
    }
  }

  async #sees(id: bigint): Promise<void> {
    await until(`the frontend sees instance ${id}`, () => {
      const model = this.frontend.models.get("m");
      return (
        model?.endpoints.some((endpoint) =>
          model.routable(endpoint).some((instance) => instance.instance_id === id),
        ) === true
      );
    });
  }
}

function flagsOf({ establish = LONG_MS, firstItem = LONG_MS, betweenItems = LONG_MS }: Limits): string[] {
  const flags = {
    "http-host": "127.0.0.1",
    "http-port": 0,
    "response-establish-timeout-secs": establish / 1000,
    "response-first-item-timeout-secs": firstItem / 1000,
    "http-backend-stream-timeout-secs": betweenItems / 1000,
  };
  return Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
}

function isClosed(manager: NetworkManager): boolean {
  const { planes, ...counts } = manager.health();
  const ofPlanes = Object.values(planes).flatMap(({ connections, pending }) => [connections, pending]);
  return [...Object.values(counts), ...ofPlanes].every((count) => count === 0);
}

/** Requests that wait for their acknowledgement. */
function pendingOf(manager: NetworkManager): number {
  return Object.values(manager.health().planes).reduce((sum, { pending }) => sum + pending, 0);
}
