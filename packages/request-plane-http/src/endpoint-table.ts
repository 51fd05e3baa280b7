import { formatInstanceId, RequestPlaneError } from "@dynamo/request-plane-core";
import type { EndpointRegistration, RequestAcceptor } from "@dynamo/request-plane-core";
import { longPath, normalizePath, shortPath } from "./address.ts";

/** What the root of a server tells about an endpoint. */
export interface ListedEndpoint {
  readonly endpoint: string;
  readonly instance: string;
  readonly url: string;
}

/** The endpoints of one server by their path below its root. */
export class EndpointTable {
  readonly #byPath = new Map<string, EndpointRegistration>();

  /** The path it got. Throws `conflict` when this endpoint of this instance is there already. */
  add(registration: EndpointRegistration): string {
    const identity = longPath(registration);
    if ([...this.#byPath.values()].some((known) => longPath(known) === identity)) {
      throw new RequestPlaneError("conflict", `Endpoint ${identity} is served already by this process`);
    }
    const short = shortPath(registration);
    const path = this.#byPath.has(short) ? identity : short;
    this.#byPath.set(path, registration);
    return path;
  }

  remove(path: string): void {
    this.#byPath.delete(path);
  }

  clear(): void {
    this.#byPath.clear();
  }

  find(path: string): RequestAcceptor | undefined {
    return (this.#byPath.get(path) ?? this.#byPath.get(normalizePath(path) ?? ""))?.accept;
  }

  list(base: string): ListedEndpoint[] {
    return [...this.#byPath].map(([path, { namespace, component, endpoint, instanceId }]) => ({
      endpoint: `${namespace}.${component}.${endpoint}`,
      instance: formatInstanceId(instanceId),
      url: `${base}/${path}`,
    }));
  }
}
