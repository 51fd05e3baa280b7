/**
 * Which way responses take, and what an instance says about the ways it knows.
 */
import type { Instance } from "./instance.ts";
import type { Setting } from "./settings.ts";

/** `auto`: in-band where both sides can, else call-home. `inband`: nothing else. */
export type ResponseMode = "auto" | "callhome" | "inband";

/** `tcp` is Dynamo's own word for call-home. */
const MODES: Readonly<Record<string, ResponseMode>> = {
  auto: "auto",
  callhome: "callhome",
  tcp: "callhome",
  inband: "inband",
};

export function responseMode(
  variable: string,
  fallback: ResponseMode,
  meaning: string,
): Setting<ResponseMode> {
  return {
    variable,
    fallback,
    meaning,
    expected: "auto, callhome (or tcp), or inband",
    parse: (text) => {
      const name = text.toLowerCase();
      return Object.hasOwn(MODES, name) ? MODES[name] : undefined;
    },
    accepts: (value) => value === "auto" || value === "callhome" || value === "inband",
  };
}

/**
 * The field of an instance record that lists the in-band transports which its worker can do, by their names in
 * `connection_info.transport`. Dynamo ignores it, as every field it doesn't know.
 */
export const RESPONSE_TRANSPORTS = "response_transports";

export function offersTransport(instance: Instance, transport: string): boolean {
  const offered = instance[RESPONSE_TRANSPORTS];
  return Array.isArray(offered) && offered.includes(transport);
}
