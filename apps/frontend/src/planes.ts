/**
 * The one place of this program where the name of a request plane becomes a package.
 */
import { findTransport, loadTransport, REQUEST_PLANE_MODES } from "@dynamo/request-plane-core";
import type { RequestPlaneMode, Transport } from "@dynamo/request-plane-core";

/**
 * The chosen plane first, then the others that are installed: workers may be on different planes, and each is
 * called on its own. Rejects with `invalid_configuration` when the chosen one isn't installed.
 */
export async function loadTransports(chosen: RequestPlaneMode): Promise<Transport[]> {
  const transport = await loadTransport(chosen, load);
  const others = REQUEST_PLANE_MODES.filter((mode) => mode !== chosen);
  const installed = await Promise.all(others.map((mode) => findTransport(mode, load)));
  return [transport, ...installed.filter((other) => other !== undefined)];
}

function load(packageName: string): Promise<unknown> {
  return import(packageName);
}
