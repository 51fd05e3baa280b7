/**
 * How the requests of this process reach an instance, and which way its responses come back.
 */
import { RequestPlaneError } from "./errors.ts";
import { formatInstanceId } from "./instance.ts";
import type { Instance } from "./instance.ts";
import type { PayloadCodec } from "./payload-codec.ts";
import type { Planes } from "./planes.ts";
import { offersTransport } from "./response-mode.ts";
import type { ResponseMode } from "./response-mode.ts";
import type { RequestPlaneClient } from "./transport.ts";

export interface Route {
  readonly client: RequestPlaneClient;
  readonly address: string;
  /** The in-band transport of its responses; `undefined` for call-home. */
  readonly inBand: string | undefined;
  /** What the instance and this process have beside JSON; `undefined` for JSON. */
  readonly codec: PayloadCodec | undefined;
}

/** Finds routes by what instances advertise. */
export class Routes {
  readonly #planes: Planes;
  readonly #mode: ResponseMode;
  readonly #codec: PayloadCodec | undefined;

  constructor(planes: Planes, mode: ResponseMode, codec: PayloadCodec | undefined) {
    this.#planes = planes;
    this.#mode = mode;
    this.#codec = codec;
  }

  /** Throws `cannot_connect` when this process has no transport for the instance, or may not use what it can. */
  to(instance: Instance): Route {
    const { client, inBand } = this.#planes.clientFor(instance);
    const address = Object.values(instance.transport)[0] ?? "";
    const codec = instance.request_plane_codec === this.#codec?.name ? this.#codec : undefined;
    if (this.#mode === "callhome") return { client, address, inBand: undefined, codec };
    if (inBand !== undefined && client.exchange && offersTransport(instance, inBand)) {
      return { client, address, inBand, codec };
    }
    return this.#callHome(instance, { client, address, inBand: undefined, codec });
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
