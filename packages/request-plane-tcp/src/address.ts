/**
 * Addresses of the TCP plane: `host:port/path`. The path is what a request frame carries; callers send back
 * whatever a worker advertised.
 *
 *     0.7   host:port/endpoint
 *     0.8   host:port/{id}/endpoint                          (to 1.5)
 *     1.6   host:port/{id}/namespace/component/endpoint      (taken by callers of 0.8 and newer)
 *
 * Source: wire-protocol notes, section 2.2.
 */
import { formatInstanceId, parseSocketAddress, RequestPlaneError } from "@dynamo/request-plane-core";
import type { EndpointRegistration, SocketAddress } from "@dynamo/request-plane-core";

/** Which callers are to find the endpoint: those of 0.7, or all that came after. */
export type PathForm = (typeof PATH_FORMS)[number];
export const PATH_FORMS = ["1.6", "0.7"] as const;

export interface TcpAddress extends SocketAddress {
  /** Host and port as the address has them. */
  readonly authority: string;
  readonly path: string;
  readonly pathBytes: Buffer;
}

/** Throws `cannot_connect` for a text that is no address of this plane. */
export function parseTcpAddress(address: string): TcpAddress {
  const text = address.replace(/^tcp:\/\//, "");
  const slash = text.indexOf("/");
  try {
    const path = slash < 0 ? "" : text.slice(slash + 1);
    if (path === "") throw new RequestPlaneError("invalid_argument", "it has no path");
    const authority = text.slice(0, slash);
    return { ...parseSocketAddress(authority), authority, path, pathBytes: Buffer.from(path) };
  } catch (cause) {
    throw new RequestPlaneError(
      "cannot_connect",
      `Invalid TCP address '${address}': expected host:port/path`,
      {
        cause,
        facts: { address },
      },
    );
  }
}

type EndpointOfInstance = Omit<EndpointRegistration, "accept">;

export function pathOf(
  { namespace, component, endpoint, instanceId }: EndpointOfInstance,
  form: PathForm,
): string {
  if (form === "0.7") return endpoint;
  return [formatInstanceId(instanceId), ...[namespace, component, endpoint].map(escapeSegment)].join("/");
}

function escapeSegment(name: string): string {
  return name.replaceAll("%", "%25").replaceAll("/", "%2F");
}
