import { createServer } from "node:net";
import type { Server } from "node:net";
import { createNetworkManager } from "@dynamo/request-plane-core";
import type { Environment, Transport } from "@dynamo/request-plane-core";
import { addressOf, collect, failureOf, LocalDiscovery, NAME, recordingLogger } from "@dynamo/test-world";
import { describe, expect, test } from "vitest";
import { tcp } from "../src/index.ts";

/** An environment that counts how often each variable is read, and that can change. */
function watched(values: Record<string, string>): { environment: Environment; reads: Map<string, number> } {
  const reads = new Map<string, number>();
  const environment = new Proxy(values, {
    get(target, name: string) {
      reads.set(name, (reads.get(name) ?? 0) + 1);
      return target[name];
    },
  });
  return { environment, reads };
}

/** A transport that counts the clients and servers that are made of it. */
function counted(transport: Transport): { transport: Transport; made: { servers: number; clients: number } } {
  const made = { servers: 0, clients: 0 };
  return {
    made,
    transport: {
      ...transport,
      createServer: (components) => ((made.servers += 1), transport.createServer(components)),
      createClient: (components) => ((made.clients += 1), transport.createClient(components)),
    },
  };
}

function managed(transport: Transport, environment: Environment = {}) {
  return createNetworkManager({
    transports: [transport],
    discovery: new LocalDiscovery(),
    environment,
    settings: { callHomeHost: "127.0.0.1" },
    logger: recordingLogger().logger,
  });
}

describe("a manager", () => {
  test("reads each variable once, when it is made; what changes later is not seen", async () => {
    const values = { DYN_TCP_RPC_HOST: "127.0.0.1", DYN_ENGINE_REQUEST_LIMIT: "8" };
    const { environment, reads } = watched(values);
    await using manager = managed(tcp({ environment, port: 0 }), environment);
    const before = new Map(reads);
    for (const variable of Object.keys(values)) expect(before.get(variable)).toBe(1);

    Object.assign(values, { DYN_TCP_RPC_HOST: "127.0.0.9", DYN_ENGINE_REQUEST_LIMIT: "0" });
    const { instance } = await manager.endpoint(NAME).serve(() => [1]);
    expect(addressOf(instance)).toMatch(/^127\.0\.0\.1:/);
    const client = manager.endpoint(NAME).client();
    await client.waitForInstances();
    expect(await collect(client.roundRobin({}))).toEqual([1]);
    expect(reads).toEqual(before);
  });

  test("makes servers and clients when they are first needed, and one of each", async () => {
    const { transport, made } = counted(tcp({ host: "127.0.0.1", port: 0, environment: {} }));
    await using manager = managed(transport);
    const [first, second] = [NAME, "test.backend.other"].map((name) => manager.endpoint(name));
    const clients = [first!.client(), second!.client()];
    expect(made).toEqual({ servers: 0, clients: 0 });

    await Promise.all([first!.serve(() => [1]), second!.serve(() => [2])]);
    expect(made).toEqual({ servers: 1, clients: 0 });

    await Promise.all(clients.map((client) => client.waitForInstances()));
    const answers = await Promise.all(clients.map((client) => collect(client.roundRobin({}))));
    expect(answers).toEqual([[1], [2]]);
    expect(made).toEqual({ servers: 1, clients: 1 });
  });

  test("whose server can't start leaves nothing open or registered, and serves once it can", async () => {
    await using occupant = await occupied();
    const discovery = new LocalDiscovery();
    await using manager = createNetworkManager({
      transports: [tcp({ host: "127.0.0.1", port: occupant.port, environment: {} })],
      discovery,
      environment: {},
      logger: recordingLogger().logger,
    });
    const { code, message } = await failureOf(manager.endpoint(NAME).serve(() => [1]));
    expect(code).toBe("address_in_use");
    expect(message).toContain("DYN_TCP_RPC_PORT");
    expect(manager.health()).toMatchObject({
      planes: { tcp: { connections: 0, pending: 0 } },
      servedEndpoints: 0,
    });
    expect(discovery.size).toBe(0);

    await occupant[Symbol.asyncDispose]();
    const { instance } = await manager.endpoint(NAME).serve(() => [1]);
    expect(addressOf(instance)).toContain(`:${occupant.port}/`);
    expect(discovery.size).toBe(1);
  });
});

/** A port that somebody else listens on. */
async function occupied(): Promise<AsyncDisposable & { readonly port: number }> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    port,
    [Symbol.asyncDispose]: () =>
      new Promise(
        (resolve) =>
          void server.close(() => {
            resolve();
          }),
      ),
  };
}
