/**
 * A frontend and two workers that find each other in a folder of their own, all on loopback.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Broker } from "./broker.ts";
import { Child } from "./child.ts";
import type { Plane } from "./options.ts";

export const MODEL = "mock-model";
const WORKERS = 2;
const DRAIN_SECONDS = 3;
/** Longer than the drain, so that only a child that hangs is killed. */
const PATIENCE_MS = 8_000;

export class Deployment {
  readonly children: readonly Child[];
  readonly #broker: Broker | undefined;

  /** The broker is given when the plane needs one, and ended with everything else. */
  constructor(httpPort: number, plane: Plane = "tcp", broker?: Broker) {
    this.#broker = broker;
    const folder = mkdtempSync(join(tmpdir(), "dynamo-launch-"));
    // Also when the launcher falls over a fault of its own.
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    const env = {
      ...inheritedEnvironment(),
      ...deploymentEnvironment(folder, plane),
      ...broker?.environment,
    };
    const http = [
      "--http-host",
      "127.0.0.1",
      "--http-port",
      String(httpPort),
      "--router-mode",
      "round-robin",
    ];
    const frontend = new Child({ name: "frontend", program: programOf("frontend"), args: http, env });
    const workers = Array.from({ length: WORKERS }, (_, index) => {
      const args = ["--model-name", MODEL];
      return new Child({ name: `worker ${index + 1}`, program: programOf("mock-worker"), args, env });
    });
    this.children = [...(broker?.keeper ? [broker.keeper] : []), frontend, ...workers];
  }

  /** Resolves with the first child that ends. */
  firstDeath(): Promise<Child> {
    return Promise.race(this.children.map((child) => child.ended.then(() => child)));
  }

  /** Resolves when every child is gone, within seconds. The broker goes last: the others say goodbye through it. */
  async end(): Promise<void> {
    const keeper = this.#broker?.keeper;
    const users = this.children.filter((child) => child !== keeper);
    await Promise.all(users.map((child) => child.end(PATIENCE_MS)));
    await keeper?.end(PATIENCE_MS);
  }

  kill(): void {
    for (const child of this.children) child.kill();
  }
}

/** Without Dynamo's settings: they belong to a deployment of the user's and not to this one. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  const isForeign = (name: string) => name.startsWith("DYN_") && !/^DYN_(MOCK_|LOG$)/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isForeign(name)));
}

function deploymentEnvironment(folder: string, plane: Plane): NodeJS.ProcessEnv {
  return {
    DYN_REQUEST_PLANE: plane,
    DYN_TCP_RPC_HOST: "127.0.0.1",
    DYN_TCP_RPC_PORT: "0",
    DYN_HTTP_RPC_HOST: "127.0.0.1",
    DYN_HTTP_RPC_PORT: "0",
    DYN_TCP_RESPONSE_STREAM_HOST: "127.0.0.1",
    DYN_DISCOVERY_BACKEND: "file",
    DYN_FILE_KV: folder,
    DYN_HTTP_GRACEFUL_SHUTDOWN_TIMEOUT_SECS: String(DRAIN_SECONDS),
    DYN_WORKER_GRACEFUL_SHUTDOWN_TIMEOUT: String(DRAIN_SECONDS),
  };
}

/** The path of the one program of an app of this workspace. */
export function programOf(app: string): string {
  const manifest = new URL(`../../../apps/${app}/package.json`, import.meta.url);
  const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { bin: Record<string, string> };
  return fileURLToPath(new URL(Object.values(bin)[0] ?? "", manifest));
}
