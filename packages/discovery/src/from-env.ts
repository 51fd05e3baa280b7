/**
 * The choice of a backend, with Dynamo's variables.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Discovery } from "@dynamo/request-plane-core";
import { fileDiscovery } from "./file/file-discovery.ts";
import { defaultFileRoot } from "./file/options.ts";
import type { FileDiscoveryOptions } from "./file/options.ts";
import { memoryDiscovery } from "./memory-discovery.ts";
import { discoverySettings } from "./settings.ts";

/** What is said in code wins over the environment. */
export interface DiscoveryOverrides extends FileDiscoveryOptions {
  readonly backend?: "file" | "mem" | undefined;
}

const SUPPORTED = "Supported here: file, mem.";

/**
 * The backend that `DYN_DISCOVERY_BACKEND` names: `file`, with its folder in `DYN_FILE_KV`, or `mem`. Default:
 * `file`. Dynamo's own default is `etcd`, which this package doesn't have yet. Throws `invalid_configuration`.
 */
export function discoveryFromEnv(
  env: NodeJS.ProcessEnv = process.env,
  overrides: DiscoveryOverrides = {},
): Discovery {
  const { backend = discoverySettings(env).backend, ...options } = overrides;
  switch (backend) {
    case "file":
      return fileDiscovery({ ...options, root: options.root ?? defaultFileRoot(env) });
    case "mem":
      return memoryDiscovery();
    case "etcd":
    case "kubernetes":
      throw invalid(
        `The discovery backend '${backend}' of DYN_DISCOVERY_BACKEND is not supported yet. ${SUPPORTED}`,
      );
    default:
      throw invalid(`DYN_DISCOVERY_BACKEND is '${backend}', which is no discovery backend. ${SUPPORTED}`);
  }
}

function invalid(message: string): RequestPlaneError {
  return new RequestPlaneError("invalid_configuration", message);
}
