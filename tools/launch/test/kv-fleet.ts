/**
 * Frontends in KV mode and token workers on etcd and NATS, any of which can be killed and put back.
 */
import type { EtcdServer } from "@dynamo/etcd-server";
import type { NatsServer } from "@dynamo/nats-server";
import { expect } from "vitest";
import { MODEL } from "./chat-request.ts";
import type { Answer } from "./chat-request.ts";
import { Fleet, listed, offers } from "./fleet.ts";
import type { Frontend, Worker } from "./fleet.ts";
import { until } from "./launcher.ts";
import { answerOf } from "./token-load.ts";

export type Victim = "frontend" | "etcd" | "nats" | "worker";

export interface KvFleetOptions {
  readonly etcd: EtcdServer;
  readonly nats: NatsServer;
  /** Folder of the model. */
  readonly model: string;
  readonly blockSize: number;
}

/** Longer than machines stand still. */
const LEASE_SECONDS = 5;
const WORKERS = 3;
const FRONTENDS = 2;

export class KvFleet {
  readonly #options: KvFleetOptions;
  readonly #fleet: Fleet;
  #frontends: Frontend[] = [];
  #workers: Worker[] = [];
  /** Since all were there. */
  readonly #killed = new Set<Victim>();

  constructor(options: KvFleetOptions) {
    this.#options = options;
    this.#fleet = new Fleet({
      DYN_DISCOVERY_BACKEND: "etcd",
      ETCD_ENDPOINTS: options.etcd.url,
      ETCD_LEASE_TTL: String(LEASE_SECONDS),
      NATS_SERVER: options.nats.url,
      DYN_EVENT_PLANE: "nats",
    });
  }

  /** Those that run. */
  get frontends(): readonly Frontend[] {
    return this.#frontends;
  }

  async start(): Promise<void> {
    await Promise.all(Array.from({ length: WORKERS }, () => this.#addWorker()));
    for (let count = 0; count < FRONTENDS; count++) await this.#addFrontend();
  }

  async kill(victim: Victim): Promise<void> {
    this.#killed.add(victim);
    if (victim === "etcd") return this.#options.etcd.kill("SIGKILL");
    if (victim === "nats") return this.#options.nats.kill("SIGKILL");
    // Nobody asks it any more from here on.
    const gone = victim === "worker" ? this.#workers.shift() : this.#frontends.shift();
    gone?.program.kill();
  }

  /** Starts what was killed. Resolves when all know each other and the dead are forgotten. */
  async restore(): Promise<void> {
    const { etcd, nats } = this.#options;
    const killed = this.#killed;
    await Promise.all([killed.has("etcd") && etcd.start(), killed.has("nats") && nats.start()]);
    if (killed.has("worker")) await this.#addWorker();
    if (killed.has("frontend")) await this.#addFrontend();
    killed.clear();
    const ids = this.#workers.map(({ id }) => id).sort();
    for (const frontend of this.#frontends)
      await until(async () => String(await idsOf(frontend)) === String(ids));
  }

  /** The sum of a metric over its labels, of each frontend. */
  async metric(name: string): Promise<number[]> {
    return Promise.all(
      this.#frontends.map(async ({ port }) => {
        const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
        expect(metrics).toContain(`# TYPE dynamo_frontend_${name} `);
        const values = metrics.matchAll(new RegExp(`^dynamo_frontend_${name}(?:\\{.*\\})? (\\d+)$`, "gm"));
        return [...values].reduce((total, [, value]) => total + Number(value), 0);
      }),
    );
  }

  /** What each frontend thinks that a worker has in its cache is what the worker says of the same request. */
  async expectTruePrediction(prompt: string, boundMs: number): Promise<void> {
    for (const frontend of this.#frontends) {
      let answer = await answerOf(frontend, prompt, boundMs, ROUTING);
      // One that was too busy to renew its lease comes back.
      await until(async () => {
        const ids = routingOf(answer).candidates.map(({ worker_id: id }) => id);
        if (new Set(ids).size === this.#workers.length) return true;
        answer = await answerOf(frontend, prompt, boundMs, ROUTING);
        return false;
      });
      const routing = routingOf(answer);
      const chosen = routing.candidates.find(({ worker_id: id }) => id === routing.worker_id);
      // An engine computes one token of a prompt at least.
      const most = Math.floor((routing.prompt_tokens - 1) / this.#options.blockSize);
      const blocks = Math.min(chosen!.overlap_blocks, most);
      expect(answer.cachedTokens, prompt).toBe(blocks * this.#options.blockSize);
    }
  }

  async end(): Promise<void> {
    const programs = [...this.#frontends, ...this.#workers].map(({ program }) => program);
    const ends = await Promise.all(programs.map((program) => program.terminate()));
    expect(ends).toEqual(programs.map(() => "exit code 0"));
  }

  [Symbol.dispose](): void {
    this.#fleet[Symbol.dispose]();
  }

  async #addWorker(): Promise<void> {
    const { model, blockSize } = this.#options;
    const args = ["--model-path", model, "--model-name", MODEL, "--block-size", String(blockSize)];
    this.#workers.push(await this.#fleet.worker("tcp", ...args));
  }

  async #addFrontend(): Promise<void> {
    const modes = ["--router-mode", "kv", "--router-replica-sync", "--migration-limit", "3"];
    const frontend = await this.#fleet.frontend("tcp", ...modes);
    await until(() => offers(frontend, MODEL));
    this.#frontends.push(frontend);
  }
}

/** The workers that a frontend knows, each of which has several endpoints. */
async function idsOf(frontend: Frontend): Promise<string[]> {
  return [...new Set((await listed(frontend)).map(({ id }) => id))].sort();
}

const ROUTING = { extra_fields: ["routing"] };

function routingOf({ nvext }: Answer): Routing {
  return nvext["routing"] as Routing;
}

interface Routing {
  readonly prompt_tokens: number;
  readonly worker_id: number;
  readonly candidates: readonly { readonly worker_id: number; readonly overlap_blocks: number }[];
}
