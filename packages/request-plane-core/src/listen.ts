import type { Server } from "node:net";
import { RequestPlaneError } from "./errors.ts";
import { formatSocketAddress } from "./socket-address.ts";
import type { SocketAddress } from "./socket-address.ts";

/** What a listener keeps waiting when it is slow to accept; the kernel cuts it to `net.core.somaxconn`. */
const BACKLOG = 4096;

/**
 * Starts a listener. Rejects with `address_in_use`, or with `invalid_configuration` when the address is not
 * one of this host's; the message names the setting that moves the port.
 */
export async function listen(server: Server, { host, port }: SocketAddress, setting: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, backlog: BACKLOG }, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } catch (cause) {
    const address = formatSocketAddress({ host, port });
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") {
      const advice = `set ${setting} to a free port, or to 0 to let the system pick one`;
      throw new RequestPlaneError("address_in_use", `Address already in use: ${address}; ${advice}`, {
        cause,
        facts: { address, setting },
      });
    }
    throw new RequestPlaneError("invalid_configuration", `Cannot listen on ${address}: ${String(code)}`, {
      cause,
      facts: { address },
    });
  }
}
