/**
 * The names of `DYN_REQUEST_PLANE`, and the way from a name to a transport for programs that let their user
 * choose. Source: Dynamo's request planes guide, "Configuration" and "Troubleshooting".
 */
import { RequestPlaneError } from "./errors.ts";
import type { Transport } from "./transport.ts";

export const REQUEST_PLANE_MODES = ["nats", "tcp", "http"] as const;
export type RequestPlaneMode = (typeof REQUEST_PLANE_MODES)[number];

/** In any case, as in Dynamo. Throws `invalid_configuration`: "Invalid request plane mode". */
export function parseRequestPlaneMode(text: string): RequestPlaneMode {
  const name = text.trim().toLowerCase();
  const mode = REQUEST_PLANE_MODES.find((one) => one === name);
  if (mode) return mode;
  const valid = REQUEST_PLANE_MODES.map((one) => `'${one}'`).join(", ");
  throw new RequestPlaneError(
    "invalid_configuration",
    `Invalid request plane mode '${text}'. Valid options are: ${valid}`,
    { facts: { setting: "DYN_REQUEST_PLANE" } },
  );
}

/** The package that has a plane. It exports a factory of the plane's name. */
export function requestPlanePackage(mode: RequestPlaneMode): string {
  return `@dynamo/request-plane-${mode}`;
}

/**
 * The transport of a plane, with the settings of the environment; `undefined` when its package isn't installed.
 * `load` is the program's own `import`, since only the program knows where its packages are.
 */
export async function findTransport(
  mode: RequestPlaneMode,
  load: (packageName: string) => Promise<unknown>,
): Promise<Transport | undefined> {
  const name = requestPlanePackage(mode);
  try {
    const factories = (await load(name)) as Readonly<Record<RequestPlaneMode, () => Transport>>;
    return factories[mode]();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // A package that is there and misses one of its own is another matter.
    if (code === "ERR_MODULE_NOT_FOUND" && message.includes(`'${name}'`)) return undefined;
    throw error;
  }
}

/** Like {@link findTransport}, but rejects with `invalid_configuration`, naming the package to add. */
export async function loadTransport(
  mode: RequestPlaneMode,
  load: (packageName: string) => Promise<unknown>,
): Promise<Transport> {
  const transport = await findTransport(mode, load);
  if (transport) return transport;
  const name = requestPlanePackage(mode);
  throw new RequestPlaneError(
    "invalid_configuration",
    `The request plane '${mode}' needs the package ${name}, which is not installed. Add it with ` +
      `'npm install ${name}', or choose another plane with DYN_REQUEST_PLANE.`,
    { facts: { setting: "DYN_REQUEST_PLANE" } },
  );
}
