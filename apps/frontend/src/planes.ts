/**
 * From the name of a request plane to its package.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Transport } from "@dynamo/request-plane-core";

export const REQUEST_PLANES = ["nats", "tcp", "http"] as const;
export type RequestPlane = (typeof REQUEST_PLANES)[number];

/** Any case, as in Dynamo; `undefined` when it is none of the three. */
export function requestPlaneOf(text: string): RequestPlane | undefined {
  return REQUEST_PLANES.find((plane) => plane === text.trim().toLowerCase());
}

/**
 * The chosen plane first, then the others that are installed: workers may be on different planes, and each is
 * called on its own. Rejects with `invalid_configuration` when the chosen one isn't installed.
 */
export async function loadTransports(chosen: RequestPlane): Promise<Transport[]> {
  const transport = await loadTransport(chosen);
  if (!transport) throw notInstalled(chosen);
  const others = REQUEST_PLANES.filter((plane) => plane !== chosen);
  const installed = await Promise.all(others.map(loadTransport));
  return [transport, ...installed.filter((other) => other !== undefined)];
}

/** The package's factory has the plane's name and takes its settings from the environment. */
async function loadTransport(plane: RequestPlane): Promise<Transport | undefined> {
  try {
    const factories = (await import(packageOf(plane))) as Readonly<Record<RequestPlane, () => Transport>>;
    return factories[plane]();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // A package that is there and misses one of its own is another matter.
    if (code === "ERR_MODULE_NOT_FOUND" && message.includes(`'${packageOf(plane)}'`)) return undefined;
    throw error;
  }
}

function packageOf(plane: RequestPlane): string {
  return `@dynamo/request-plane-${plane}`;
}

function notInstalled(plane: RequestPlane): RequestPlaneError {
  const name = packageOf(plane);
  return new RequestPlaneError(
    "invalid_configuration",
    `The request plane '${plane}' needs the package ${name}, which is not installed. Add it with ` +
      `'npm install ${name}', or choose another plane with --request-plane or DYN_REQUEST_PLANE.`,
    { facts: { setting: "DYN_REQUEST_PLANE" } },
  );
}
