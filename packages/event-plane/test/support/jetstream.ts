import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NatsServer } from "@dynamo/nats-server";
import { natsServer } from "@dynamo/nats-server/vitest";
import { onTestFinished } from "vitest";

/** A server for one test that keeps streams in a folder, also when it is killed. */
export async function jetStreamServer(): Promise<NatsServer> {
  const folder = await mkdtemp(join(tmpdir(), "jetstream-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return natsServer({ lines: [`jetstream { store_dir: ${JSON.stringify(folder)} }`] });
}

/** A way to a server, for connections that are lost. */
export interface Way {
  readonly url: string;
  /** Keeps what the server sends, from now on. */
  block(): void;
  /** Ends the connections there are, and lets through those to come. */
  cut(): void;
}

export async function wayTo({ port }: NatsServer): Promise<Way> {
  const sockets = new Set<Socket>();
  let isBlocked = false;
  const listener = createServer((client) => {
    const server = connect(port, "127.0.0.1");
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    }
    client.pipe(server);
    server.on("data", (chunk) => {
      if (!isBlocked) client.write(chunk);
    });
    server.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    isBlocked = false;
  };
  onTestFinished(() => {
    listener.close();
    cut();
  });
  const url = `nats://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  return { url, block: () => void (isBlocked = true), cut };
}
