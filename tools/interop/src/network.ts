import { networkInterfaces } from "node:os";

/**
 * Callers of Dynamo await their responses on an address that is not loopback, and some releases fail without one.
 * Throws an error that says how to get one.
 */
export function requireNetwork(interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces()): void {
  const isOutside = Object.values(interfaces).some((addresses) =>
    addresses?.some(({ internal, family }) => !internal && family === "IPv4"),
  );
  if (isOutside) return;
  throw new Error(
    "This machine has no network interface beside loopback, and callers of Dynamo need one. Add a dummy: " +
      "ip link add dummy0 type dummy && ip addr add 10.255.255.1/24 dev dummy0 && ip link set dummy0 up " +
      "(as root, or below `unshare --user --map-root-user --net` with `ip link set lo up`).",
  );
}
