/**
 * Where a cell runs: one release of Dynamo on one plane, with a discovery folder of its own. Processes that a cell
 * takes by `use` are kept for the cells that come after it.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "@dynamo/test-support/free-port";
import { isSince, layoutOf } from "./releases.ts";
import type { Plane, Release } from "./releases.ts";
import type { Wheels } from "./wheels.ts";

/** Starts something that cells of one site share. Known by its identity. */
export type Role<T extends AsyncDisposable> = (site: Site) => Promise<T>;

export interface Surroundings {
  /** `nats://host:port` of a server with JetStream. */
  readonly natsUrl: string;
  /** Where discovery is, instead of in a folder. Events of KV caches go over JetStream then. */
  readonly etcdUrl?: string;
  readonly wheels: Pick<Wheels, "pythonOf">;
}

export class Site implements AsyncDisposable {
  readonly release: Release;
  readonly plane: Plane;
  readonly surroundings: Surroundings;
  readonly #folder: string;
  readonly #shared = new Map<Role<AsyncDisposable>, Promise<AsyncDisposable>>();
  readonly #neighbours = new Map<Release, Site>();

  /** `folder` is there already and is the caller's to remove. */
  constructor(release: Release, plane: Plane, folder: string, surroundings: Surroundings) {
    this.release = release;
    this.plane = plane;
    this.surroundings = surroundings;
    this.#folder = folder;
  }

  /** `1.6.1 tcp` */
  get name(): string {
    return `${this.release} ${this.plane}`;
  }

  /** What processes have as `DYN_FILE_KV`. Releases that don't see each other's files have a folder each. */
  get discoveryRoot(): string {
    return join(this.#folder, layoutOf(this.release));
  }

  /** Whether processes of the release connect to NATS, on whatever plane. */
  get needsNats(): boolean {
    return this.plane === "nats" || !isSince(this.release, "0.8") || this.surroundings.etcdUrl !== undefined;
  }

  isSince(release: `${number}.${number}`): boolean {
    return isSince(this.release, release);
  }

  /** What this role has started here, once for all cells. Gone when the site is disposed of. */
  async use<T extends AsyncDisposable>(role: Role<T>): Promise<T> {
    let started = this.#shared.get(role);
    if (!started) {
      started = role(this);
      started.catch(() => undefined);
      this.#shared.set(role, started);
    }
    return started as Promise<T>;
  }

  /** Another release in the same deployment. */
  beside(release: Release): Site {
    const known = this.#neighbours.get(release);
    if (known) return known;
    const neighbour = new Site(release, this.plane, this.#folder, this.surroundings);
    this.#neighbours.set(release, neighbour);
    return neighbour;
  }

  /**
   * The same release and plane in a deployment of its own, which the caller disposes of. A frontend of Dynamo watches
   * all models of its deployment, each with several instances of inotify, of which users have 128.
   */
  apart(name: string, servers: Partial<Surroundings> = {}): Site {
    return new Site(this.release, this.plane, join(this.#folder, name), { ...this.surroundings, ...servers });
  }

  /** The environment of one process of the release, with ports of its own where the release would take fixed ones. */
  async environment(): Promise<NodeJS.ProcessEnv> {
    await mkdir(this.discoveryRoot, { recursive: true });
    const { natsUrl, etcdUrl } = this.surroundings;
    const discovery = etcdUrl === undefined ? "file" : "etcd";
    return {
      ...environmentWithoutDynamo(),
      DYN_FILE_KV: this.discoveryRoot,
      DYN_DISCOVERY_BACKEND: discovery,
      DYN_STORE_KV: discovery,
      ...(etcdUrl !== undefined && { ETCD_ENDPOINTS: etcdUrl }),
      DYN_REQUEST_PLANE: this.plane,
      DYN_TCP_RPC_HOST: "127.0.0.1",
      DYN_HTTP_RPC_HOST: "127.0.0.1",
      ...(!this.isSince("0.8") && { DYN_TCP_RPC_PORT: String(await freePort()) }),
      ...(!this.isSince("1.0") && { DYN_HTTP_RPC_PORT: String(await freePort()) }),
      ...(this.needsNats && { NATS_SERVER: natsUrl }),
      // 1.6 has as many blocking threads as the machine has processors. On NATS each model that a frontend finds takes
      // one until its component is registered; with more models than threads it never gets on. Dynamo's docs say 512.
      DYN_RUNTIME_MAX_BLOCKING_THREADS: "512",
      DYN_LOG: "warn",
      DYN_SDK_DISABLE_ANSI_LOGGING: "1",
      HF_HUB_OFFLINE: "1",
      PYTHONUNBUFFERED: "1",
      PYTHONDONTWRITEBYTECODE: "1",
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const neighbour of this.#neighbours.values()) await neighbour[Symbol.asyncDispose]();
    await Promise.all([...this.#shared.values()].map(disposeOf));
  }
}

async function disposeOf(started: Promise<AsyncDisposable>): Promise<void> {
  const one = await started.catch(() => undefined);
  await one?.[Symbol.asyncDispose]();
}

/** With RUST_BACKTRACE set, the texts of errors of 0.7 have stack traces in them. */
function environmentWithoutDynamo(): NodeJS.ProcessEnv {
  const isOurs = ([name]: [string, unknown]): boolean =>
    !/^(DYN_|NATS_|ETCD_|RUST_|PYTHON|VIRTUAL_ENV)/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(isOurs));
}
