/**
 * Addresses of the memory plane: `server/{id}/namespace/component/endpoint`, each part escaped, the instance id
 * in hexadecimal.
 */
import { formatInstanceId, RequestPlaneError } from "@dynamo/request-plane-core";
import type { EndpointRegistration } from "@dynamo/request-plane-core";

export function memoryAddress(
  server: string,
  { instanceId, namespace, component, endpoint }: Omit<EndpointRegistration, "accept">,
): string {
  return [server, formatInstanceId(instanceId), namespace, component, endpoint]
    .map(encodeURIComponent)
    .join("/");
}

/** The name of the server in an address. Throws `cannot_connect` for a text that is no address of this plane. */
export function serverOf(address: string): string {
  const [server, ...rest] = address.split("/");
  if (server && rest.length === 4) return server;
  throw new RequestPlaneError("cannot_connect", `Invalid memory address '${address}'`, {
    facts: { address },
  });
}
