/**
 * Addresses of the NATS plane: the subject that an instance subscribes to.
 *
 *     {slug of namespace_component}.{endpoint}-{instance id, hexadecimal}
 *
 * Callers publish to whatever a worker advertises. Source: wire-protocol notes, section 4.1.
 */
import { formatInstanceId, RequestPlaneError } from "@dynamo/request-plane-core";
import type { EndpointRegistration } from "@dynamo/request-plane-core";

/** A line of the NATS protocol may have 4,096 bytes, and holds a reply subject and numbers too. */
const MAX_SUBJECT_BYTES = 2_000;

/** Throws `invalid_argument` for names that make no subject. */
export function subjectOf(instance: Omit<EndpointRegistration, "accept">): string {
  const { namespace, component, endpoint, instanceId } = instance;
  const service = serviceName(namespace, component);
  const subject = `${service}.${encodeToken(endpoint)}-${formatInstanceId(instanceId)}`;
  const names = [namespace, component, endpoint];
  if (names.includes("") || service === "" || !names.every((name) => name.isWellFormed())) {
    throw invalid(`No NATS subject can be made of the endpoint ${JSON.stringify(names)}`);
  }
  if (Buffer.byteLength(subject) > MAX_SUBJECT_BYTES) {
    throw invalid(`The names of the endpoint are too long for a NATS subject (${MAX_SUBJECT_BYTES} bytes)`);
  }
  return subject;
}

/** As Dynamo writes names of services: several names may become one, the instance id tells them apart. */
export function serviceName(namespace: string, component: string): string {
  return `${namespace}_${component}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/gu, "_")
    .replace(/^_+/, "");
}

/** The endpoint's name goes into one token as it is, or escaped where it would end the token or mean more. */
function encodeToken(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_-]/gu, (character) =>
    Array.from(Buffer.from(character), (byte) => `%${byte.toString(16).padStart(2, "0").toUpperCase()}`).join(
      "",
    ),
  );
}

/**
 * Records come from strangers: throws `cannot_connect` for an address that is not one plain subject, or is one
 * of the server's own.
 */
export function checkSubject(address: string): void {
  const plain = /^[^\s\p{Cc}*>$.][^\s\p{Cc}*>.]*(\.[^\s\p{Cc}*>.]+)*$/u.test(address);
  if (plain && Buffer.byteLength(address) <= MAX_SUBJECT_BYTES) return;
  throw new RequestPlaneError("cannot_connect", `Invalid NATS address '${address.slice(0, 200)}'`, {
    facts: { address },
  });
}

function invalid(message: string): RequestPlaneError {
  return new RequestPlaneError("invalid_argument", message);
}
