/**
 * The choice of a backend, with Dynamo's variables.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Discovery } from "@dynamo/request-plane-core";
import type { EtcdDiscoveryOptions } from "./etcd/index.ts";
import { fileDiscovery } from "./file/file-discovery.ts";
import type { FileDiscoveryOptions } from "./file/options.ts";
import { memoryDiscovery } from "./memory-discovery.ts";
import { discoverySettings } from "./settings.ts";

/** What is said in code wins over the environment. */
export interface DiscoveryOverrides extends Omit<FileDiscoveryOptions, "environment"> {
  readonly backend?: "file" | "mem" | "etcd" | undefined;
}

const SUPPORTED = "Supported here: file, mem, etcd.";

/**
 * The backend that `DYN_DISCOVERY_BACKEND` names: `file`, with the variables `DYN_FILE_KV*`; `mem`; or `etcd`, with
 * the variables `ETCD_*`. Default: `file`, which needs no server; Dynamo's own default is `etcd`. Rejects with
 * `invalid_configuration`, also when the packages that etcd needs are not installed.
 */
export async function discoveryFromEnv(
  env: NodeJS.ProcessEnv = process.env,
  overrides: DiscoveryOverrides = {},
): Promise<Discovery> {
  const { backend = discoverySettings(env).backend, ...options } = overrides;
  switch (backend) {
    case "file":
      return fileDiscovery({ ...options, environment: env });
    case "mem":
      return memoryDiscovery();
    case "etcd":
      return etcdFromEnv({ environment: env, logger: options.logger });
    case "kubernetes":
      throw invalid(
        `The discovery backend '${backend}' of DYN_DISCOVERY_BACKEND is not supported yet. ${SUPPORTED}`,
      );
    default:
      throw invalid(`DYN_DISCOVERY_BACKEND is '${backend}', which is no discovery backend. ${SUPPORTED}`);
  }
}

/** Loaded when it is asked for, because others need not install what it needs. */
async function etcdFromEnv(options: EtcdDiscoveryOptions): Promise<Discovery> {
  try {
    const { etcdDiscovery } = await import("./etcd/index.ts");
    return etcdDiscovery(options);
  } catch (cause) {
    if (!isMissingPackage(cause)) throw cause;
    throw new RequestPlaneError(
      "invalid_configuration",
      "The discovery backend 'etcd' needs two packages more: npm install @grpc/grpc-js @grpc/proto-loader",
      { cause },
    );
  }
}

function isMissingPackage(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
}

function invalid(message: string): RequestPlaneError {
  return new RequestPlaneError("invalid_configuration", message);
}
