import type { EndpointName } from "@dynamo/request-plane-core";

/** What the subjects of an endpoint's events begin with. Source: kv-verified notes, section 1.4; interop notes, D8. */
export function subjectPrefix({ namespace, component, endpoint }: EndpointName): string {
  const [n, c, e] = [namespace, component, endpoint].map(token);
  return `namespace.${n}.component.${c}.endpoint.${e}`;
}

/** One token, whatever is in the name. */
function token(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_-]/gu, (character) =>
    Array.from(Buffer.from(character), (byte) => `%${byte.toString(16).padStart(2, "0").toUpperCase()}`).join(
      "",
    ),
  );
}
