import { defaultLogger, readSettings, RequestPlaneError } from "@dynamo/request-plane-core";
import type { Environment, Logger, NetworkManager } from "@dynamo/request-plane-core";
import { eventPlane } from "./channel-plane.ts";
import type { EventPlane } from "./event-plane.ts";
import { EVENT_PLANE_MODES, EVENT_PLANE_SETTINGS } from "./settings.ts";
import type { EventPlaneMode } from "./settings.ts";

/** In any case. Throws `invalid_configuration` for what is no event plane. */
export function parseEventPlaneMode(text: string): EventPlaneMode {
  const name = text.trim().toLowerCase();
  const mode = EVENT_PLANE_MODES.find((one) => one === name);
  if (mode) return mode;
  const valid = EVENT_PLANE_MODES.map((one) => `'${one}'`).join(", ");
  throw invalid(`Invalid event plane '${text}'. Valid options are: ${valid}`);
}

export interface EventPlaneFromEnv {
  readonly manager: NetworkManager;
  /** Wins over `DYN_EVENT_PLANE`: `--event-plane`. */
  readonly mode?: string | undefined;
  /** The request plane on which workers of this process can be asked; the manager's own unless told. */
  readonly plane?: string;
  /** Default: `process.env`. */
  readonly environment?: Environment;
  readonly logger?: Logger;
}

/**
 * The event plane that `DYN_EVENT_PLANE` names, with the settings of the environment. Rejects with
 * `invalid_configuration`, also when the packages that it needs are not installed.
 */
export async function eventPlaneFromEnv(options: EventPlaneFromEnv): Promise<EventPlane> {
  const { manager, environment = process.env, logger = defaultLogger, plane } = options;
  const mode = parseEventPlaneMode(
    options.mode ?? readSettings(EVENT_PLANE_SETTINGS, environment, logger).mode,
  );
  const given = { environment, logger };
  const channels = { manager, ...(plane !== undefined && { plane }) };
  switch (mode) {
    case "zmq": {
      const { zmqEvents } = await load(mode, ["zeromq"], () => import("./zmq/index.ts"));
      return eventPlane({ ...channels, transport: zmqEvents(given) });
    }
    case "nats": {
      const { natsEvents } = await load(mode, [NATS], () => import("./nats/index.ts"));
      return eventPlane({ ...channels, transport: natsEvents(given) });
    }
    case "jetstream": {
      const packages = [NATS, "@nats-io/jetstream", "@nats-io/obj"];
      const { jetStreamPlane } = await load(mode, packages, () => import("./jetstream/index.ts"));
      return jetStreamPlane({ discovery: manager.discovery, ...given });
    }
  }
}

const NATS = "@dynamo/request-plane-nats";

/** Loaded when it is asked for, because others need not install what it needs. */
async function load<T>(mode: EventPlaneMode, packages: string[], module: () => Promise<T>): Promise<T> {
  try {
    return await module();
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND")) throw cause;
    const command = `npm install ${packages.join(" ")}`;
    const message = `The event plane '${mode}' needs more packages: ${command}. Or choose another one with DYN_EVENT_PLANE`;
    throw invalid(message, cause);
  }
}

function invalid(message: string, cause?: unknown): RequestPlaneError {
  const facts = { setting: "DYN_EVENT_PLANE" };
  return new RequestPlaneError("invalid_configuration", message, { cause, facts });
}
