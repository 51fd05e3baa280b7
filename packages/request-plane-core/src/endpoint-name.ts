/**
 * How Dynamo names an endpoint: `namespace.component.endpoint`, with an optional `dyn://` in front.
 */
import { RequestPlaneError } from "./errors.ts";

export interface EndpointName {
  readonly namespace: string;
  readonly component: string;
  readonly endpoint: string;
}

/** What a caller may write: the dotted text or its three parts. */
export type EndpointNameLike = string | EndpointName;

/** Throws `invalid_argument` when the text is not three non-empty names between dots. */
export function parseEndpointName(name: EndpointNameLike): EndpointName {
  if (typeof name !== "string") return name;
  const parts = name.replace(/^dyn:\/\//, "").split(".");
  const [namespace, component, endpoint] = parts;
  if (parts.length !== 3 || !namespace || !component || !endpoint) {
    throw new RequestPlaneError(
      "invalid_argument",
      `Invalid endpoint name '${name}': expected namespace.component.endpoint, for example dynamo.backend.generate`,
    );
  }
  return { namespace, component, endpoint };
}

export function formatEndpointName({ namespace, component, endpoint }: EndpointName): string {
  return `${namespace}.${component}.${endpoint}`;
}
