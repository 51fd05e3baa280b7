/**
 * The one place where the text of `DYN_REQUEST_PLANE` becomes a package.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Transport } from "@dynamo/request-plane-core";

export const PLANES = ["nats", "tcp", "http"] as const;
export type PlaneName = (typeof PLANES)[number];

/** Takes any case. Throws when there is no such plane. */
export function parsePlane(text: string): PlaneName {
  const plane = PLANES.find((name) => name === text.toLowerCase());
  if (plane) return plane;
  const valid = PLANES.map((name) => `'${name}'`).join(", ");
  throw new Error(`Invalid request plane mode '${text}'. Valid options are: ${valid}`);
}

/** The plane with the settings of the environment. Rejects with `invalid_configuration` when its package isn't there. */
export async function loadPlane(plane: PlaneName): Promise<Transport> {
  const packageName = `@dynamo/request-plane-${plane}`;
  const factories = (await importInstalled(packageName)) as Record<PlaneName, () => Transport> | undefined;
  if (factories) return factories[plane]();
  throw new RequestPlaneError(
    "invalid_configuration",
    `The request plane '${plane}' is not installed: add the package ${packageName}`,
    { facts: { setting: "DYN_REQUEST_PLANE" } },
  );
}

async function importInstalled(packageName: string): Promise<unknown> {
  try {
    return await import(packageName);
  } catch (error) {
    if (error instanceof Error && "code" in error && isMissing(error, packageName)) return undefined;
    throw error;
  }
}

/** A package that is there and misses one of its own is another matter. */
function isMissing(error: Error & { code: unknown }, packageName: string): boolean {
  return error.code === "ERR_MODULE_NOT_FOUND" && error.message.includes(`'${packageName}'`);
}
