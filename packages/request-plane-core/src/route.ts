/**
 * How the requests of this process reach an instance, and which way its responses come back.
 */
import { RequestPlaneError } from "./errors.ts";
import { formatInstanceId } from "./instance.ts";
import type { Instance } from "./instance.ts";
import type { Planes } from "./planes.ts";
import { offersTransport } from "./response-mode.ts";
import type { ResponseMode } from "./response-mode.ts";
import type { RequestPlaneClient } from "./transport.ts";

export interface Route {
  readonly client: RequestPlaneClient;
  readonly address: string;
  /** The in-band transport of its responses; `undefined` for call-home. */
  readonly inBand: string | undefined;
}

/** Finds routes by what instances advertise. */
export class Routes {
  readonly #planes: Planes;
  readonly #mode: ResponseMode;

  constructor(planes: Planes, mode: ResponseMode) {
    this.#planes = planes;
    this.#mode = mode;
  }

  /** Throws `cannot_connect` when this process has no transport for the instance, or may not use what it can. */
  to(instance: Instance): Route {
    const { client, inBand } = this.#planes.clientFor(instance);
    const address = Object.values(instance.transport)[0] ?? "";
    if (this.#mode === "callhome") return { client, address, inBand: undefined };
    if (inBand !== undefined && client.exchange && offersTransport(instance, inBand)) {
      return { client, address, inBand };
    }
    return this.#callHome(instance, { client, address, inBand: undefined });
  }

  /** The same route when it turned out that the peer has no in-band responses. Throws when nothing else will do. */
  without(instance: Instance, route: Route): Route {
    return this.#callHome(instance, { ...route, inBand: undefined });
  }

  #callHome(instance: Instance, route: Route): Route {
    if (this.#mode !== "inband") return route;
    const id = formatInstanceId(instance.instance_id);
    throw new RequestPlaneError(
      "cannot_connect",
      `Instance ${id} has no in-band responses, and DYN_RESPONSE_PLANE=inband allows nothing else`,
      { facts: { instance: id, address: route.address, setting: "DYN_RESPONSE_PLANE" } },
    );
  }
}
