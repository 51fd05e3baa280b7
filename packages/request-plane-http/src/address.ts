/**
 * Addresses of the HTTP plane. Callers of every release use whatever URL a worker advertised.
 *
 *     http://{host}:{port}{root}/{endpoint}                                   (Dynamo's own)
 *     http://{host}:{port}{root}/{id}/{namespace}/{component}/{endpoint}      (when the first one is taken)
 *
 * Source: wire-protocol notes, section 3.1.
 */
import { formatInstanceId, RequestPlaneError } from "@dynamo/request-plane-core";
import type { EndpointRegistration } from "@dynamo/request-plane-core";

export interface HttpAddress {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Host and port. */
  readonly authority: string;
  readonly path: string;
}

/** Throws `cannot_connect` for a text that is no address of this plane. */
export function parseHttpAddress(address: string): HttpAddress {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol === "http:")
    return { origin: url.origin, authority: url.host, path: url.pathname + url.search };
  throw new RequestPlaneError(
    "cannot_connect",
    `Invalid HTTP address '${address}': expected http://host:port/path`,
    {
      facts: { address },
    },
  );
}

export type EndpointOfInstance = Omit<EndpointRegistration, "accept">;

export function shortPath({ endpoint }: EndpointOfInstance): string {
  return encodeURIComponent(endpoint);
}

export function longPath({ instanceId, namespace, component, endpoint }: EndpointOfInstance): string {
  return [formatInstanceId(instanceId), namespace, component, endpoint].map(encodeURIComponent).join("/");
}

/** The same path however its characters are escaped. `undefined` when they can't be read. */
export function normalizePath(path: string): string | undefined {
  try {
    return path
      .split("/")
      .map((segment) => encodeURIComponent(decodeURIComponent(segment)))
      .join("/");
  } catch {
    return undefined;
  }
}
