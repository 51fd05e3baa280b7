/**
 * A program that uses the plane in the way its argument names, closes everything, and must then end by itself.
 * Every wait is set so long that a timer which is left would keep it alive.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { startNatsServer } from "@dynamo/nats-server";
import type { NatsServer } from "@dynamo/nats-server";
import type { RequestPlaneClient, RequestPlaneServer } from "@dynamo/request-plane-core";
import { nats } from "../../src/index.ts";
import type { NatsOptions } from "../../src/index.ts";
import { until } from "@dynamo/test-support";
import { collect, failureOf, recordingLogger, succeeds } from "@dynamo/test-world";
import { World } from "./world.ts";

const LONG = { requestTimeoutMs: 600_000, connectTimeoutMs: 600_000, pingIntervalMs: 600_000 };

interface Both {
  readonly client: RequestPlaneClient;
  readonly server: RequestPlaneServer;
  readonly address: string;
}

const scenarios: Readonly<Record<string, (broker: NatsServer) => Promise<void>>> = {
  async calls(broker) {
    await using world = new World(broker);
    await world.worker<number, number>(
      async function* (count) {
        if (count < 0) throw new Error("negative");
        for (let index = 0; index < count; index += 1) yield index;
      },
      { nats: LONG },
    );
    const { client } = await world.client<number, number>({ nats: LONG });
    await collect(client.random(3));
    for await (const _item of await client.random(1_000_000)) break;
    await failureOf(client.random(-1).then(collect));
  },

  async "failed requests"(broker) {
    const { client, server, address } = await both(broker);
    const large = Buffer.alloc(2_000_000);
    for (let round = 0; round < 20; round += 1) {
      await client.deliver(request(address));
      await failureOf(client.deliver(request("nobody")));
      await failureOf(
        client.deliver({ ...request(address), envelope: [large], envelopeBytes: large.length }),
      );
    }
    await stop({ client, server });
  },

  async "silent workers"(broker) {
    const short = await both(broker, { requestTimeoutMs: 100 });
    const long = await both(broker);
    await broker.kill("SIGSTOP");
    await Promise.all(
      Array.from({ length: 20 }, () => failureOf(short.client.deliver(request(short.address)))),
    );
    const last = failureOf(long.client.deliver(request(long.address)));
    await until("it is out", () => long.client.health().pending === 1);
    await stop(short);
    await stop(long);
    await last;
  },

  async "a killed server"(broker) {
    const planes = await both(broker);
    await broker.kill("SIGKILL");
    await down(planes);
    await sleep(300);
    await stop(planes);
  },

  async "a killed server, at once"(broker) {
    for (let round = 0; round < 5; round += 1) {
      const planes = await both(broker);
      const killed = broker.kill("SIGKILL");
      await stop(planes);
      await killed;
      await broker.start();
    }
  },

  async "a frozen server"(broker) {
    const planes = await both(broker, { pingIntervalMs: 50 });
    await broker.kill("SIGSTOP");
    await down(planes);
    // By now an attempt to connect again is under way, and finds nobody who speaks.
    await sleep(300);
    await stop(planes);
  },

  async "a restarted server"(broker) {
    const planes = await both(broker);
    await broker.kill("SIGKILL");
    await down(planes);
    await broker.start();
    const { client, address } = planes;
    // The worker may come back after its caller.
    await until("a request gets through", () => succeeds(client.deliver(request(address))));
    await stop(planes);
  },

  async "first connections that fail"(broker) {
    await broker.kill("SIGSTOP");
    const { client, server } = planeOf(broker, { connectTimeoutMs: 100 });
    for (let round = 0; round < 3; round += 1) {
      await failureOf(client.deliver(request("a")));
      await failureOf(server.start());
    }
    await stop({ client, server });
  },

  async "a first connection under way"(broker) {
    await broker.kill("SIGSTOP");
    const { client, server } = planeOf(broker);
    const waiting = [failureOf(client.deliver(request("a"))), failureOf(server.start())];
    await sleep(100);
    await stop({ client, server });
    await Promise.all(waiting);
  },
};

function planeOf(broker: NatsServer, options: NatsOptions = {}): Omit<Both, "address"> {
  const { logger } = recordingLogger();
  const transport = nats({ servers: broker.url, environment: {}, ...LONG, ...options });
  return { client: transport.createClient({ logger }), server: transport.createServer({ logger }) };
}

async function both(broker: NatsServer, options?: NatsOptions): Promise<Both> {
  const { client, server } = planeOf(broker, options);
  await server.start();
  const name = { namespace: "test", component: "backend", endpoint: "generate", instanceId: 0xfeedn };
  const address = await server.register({ ...name, accept: () => undefined });
  await client.deliver(request(address));
  return { client, server, address };
}

function request(address: string) {
  return { address, headers: {}, envelope: [Buffer.from("x")], envelopeBytes: 1 };
}

function down({ client, server }: Both): Promise<void> {
  return until("both know", () => client.health().connections + server.health().connections === 0);
}

async function stop({ client, server }: Omit<Both, "address">): Promise<void> {
  await client.close();
  await server.stop();
}

const [, , name = ""] = process.argv;
const broker = await startNatsServer();
await scenarios[name]!(broker);
await broker[Symbol.asyncDispose]();
process.stdout.write("all is closed\n");
