import { Svcm } from "@nats-io/services";
import type { ServiceClient } from "@nats-io/services";
import type { NatsConnection } from "@nats-io/transport-node";
import type { NatsServer } from "@dynamo/nats-server";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { describeWithNats, natsServer } from "@dynamo/nats-server/vitest";
import { expect, it } from "vitest";
import { bystander } from "./support/bystander.ts";
import { ENDPOINT, plane, request, serve } from "./support/plane.ts";
import { until } from "@dynamo/test-support";
import { failureOf, succeeds } from "@dynamo/test-world";

const NAME = "test_backend";
const SUBJECT = "test_backend.generate-feed";
const VERBS = ["PING", "INFO", "STATS"];

/** NATS's own client of services. It brings a core of its own, whose connection has the same methods. */
function servicesClient(connection: NatsConnection): ServiceClient {
  return new Svcm(connection as unknown as ConstructorParameters<typeof Svcm>[0]).client({
    strategy: "stall",
    maxWait: 2_000,
  });
}

async function all<T>(found: Promise<AsyncIterable<T>>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of await found) items.push(item);
  return items;
}

/** What one subject of `$SRV` answers, as it is on the wire. */
async function ask(connection: NatsConnection, subject: string): Promise<Record<string, unknown>> {
  return (await connection.request(subject)).json();
}

async function expectNobody(connection: NatsConnection, subjects: readonly string[]): Promise<void> {
  for (const subject of subjects) {
    expect(await failureOf(connection.request(subject)), subject).toMatchObject({ name: "RequestError" });
  }
}

describeWithNats("the service of a component", () => {
  it("answers to PING and INFO: to all, by its name and by its id", async () => {
    const server = await natsServer();
    await serve(plane({ servers: server.url }).server);
    const outside = await bystander(server);
    const { id } = await ask(outside, "$SRV.PING");
    const identity = { name: NAME, id, version: expect.stringMatching(/^\d+\.\d+\.\d+/) as string };
    for (const suffix of ["", `.${NAME}`, `.${NAME}.${String(id)}`]) {
      expect(await ask(outside, `$SRV.PING${suffix}`)).toEqual({
        ...{ type: "io.nats.micro.v1.ping_response", ...identity, metadata: {} },
      });
      expect(await ask(outside, `$SRV.INFO${suffix}`)).toEqual({
        ...{ type: "io.nats.micro.v1.info_response", ...identity, metadata: {} },
        description: "Dynamo component backend in namespace test",
        endpoints: [{ name: SUBJECT, subject: SUBJECT, queue_group: "q", metadata: {} }],
      });
    }
    await expectNobody(outside, ["$SRV.PING.other", `$SRV.PING.${NAME}.other`]);
  });

  it("counts requests, refusals and time in STATS", async () => {
    const broker = await natsServer();
    const { client, server } = plane({ servers: broker.url });
    const started = Date.now();
    let taken = 0;
    const { address } = await serve(server, () =>
      ++taken > 3 ? new RequestPlaneError("overloaded", "worker at capacity") : undefined,
    );
    const outside = await bystander(broker);
    const before = { num_requests: 0, num_errors: 0, last_error: "", processing_time: 0 };
    const endpoint = { name: SUBJECT, subject: SUBJECT, queue_group: "q" };
    expect(await ask(outside, "$SRV.STATS")).toMatchObject({
      type: "io.nats.micro.v1.stats_response",
      endpoints: [{ ...endpoint, ...before, average_processing_time: 0 }],
    });
    for (let index = 0; index < 3; index += 1) await client.deliver(request(address));
    await failureOf(client.deliver(request(address)));
    const [stats, ...others] = await all(servicesClient(outside).stats(NAME));
    expect(others).toEqual([]);
    expect(Date.parse(stats!.started)).toBeGreaterThanOrEqual(started);
    const [counted] = stats!.endpoints!;
    const after = { num_requests: 4, num_errors: 1, last_error: "worker at capacity" };
    expect(counted).toMatchObject({ ...endpoint, ...after });
    const { processing_time: time, average_processing_time: average } = counted!;
    expect(time).toBeGreaterThan(0);
    expect([time, average].every(Number.isInteger)).toBe(true);
    expect(average).toBe(Math.trunc(time / 4));
  });

  it("is one for each component, of each process", async () => {
    const broker = await natsServer();
    const [first, second] = [plane({ servers: broker.url }).server, plane({ servers: broker.url }).server];
    await serve(first);
    await first.register({ ...ENDPOINT, endpoint: "embed", instanceId: 0xfeedn, accept: () => undefined });
    await serve(first, undefined, { ...ENDPOINT, component: "other" });
    await second.register({ ...ENDPOINT, instanceId: 0xbeefn, accept: () => undefined });
    const client = servicesClient(await bystander(broker));
    const found = await all(client.info());
    const shown = found.map(({ name, endpoints }) =>
      [name, ...endpoints.map(({ subject }) => subject)].join(),
    );
    expect(shown.sort()).toEqual([
      `${NAME},${NAME}.generate-beef`,
      `${NAME},${SUBJECT},${NAME}.embed-feed`,
      "test_other,test_other.generate-feed",
    ]);
    expect(new Set(found.map(({ id }) => id)).size).toBe(3);
    expect(await all(client.ping(NAME))).toHaveLength(2);
    expect(await all(client.ping(NAME, found.find(({ name }) => name === NAME)!.id))).toHaveLength(1);
  });

  it("comes back with its counts when the server was restarted", async () => {
    const broker = await natsServer();
    const { client, server } = plane({ servers: broker.url });
    const { address } = await serve(server);
    await client.deliver(request(address));
    const pinged = async (): Promise<unknown> => ask(await bystander(broker), `$SRV.PING.${NAME}`);
    const before = await pinged();
    await broker.restart();
    // The worker may come back after its caller.
    await until("a request gets through", () => succeeds(client.deliver(request(address))));
    expect(await pinged()).toEqual(before);
    const [stats] = await all(servicesClient(await bystander(broker)).stats(NAME));
    expect(stats!.endpoints![0]!.num_requests).toBe(2);
  });

  it("loses an endpoint that is taken away, and goes with the last one", async () => {
    const broker = await natsServer();
    const { server } = plane({ servers: broker.url });
    const { address } = await serve(server);
    const more = { ...ENDPOINT, endpoint: "embed", instanceId: 0xfeedn, accept: () => undefined };
    const second = await server.register(more);
    const outside = await bystander(broker);
    const { id } = await ask(outside, "$SRV.PING");
    await server.unregister(address);
    expect(await ask(outside, "$SRV.INFO")).toMatchObject({ endpoints: [{ subject: second }] });
    await server.unregister(second);
    const subjects = VERBS.flatMap((verb) =>
      ["", `.${NAME}`, `.${NAME}.${String(id)}`].map((suffix) => `$SRV.${verb}${suffix}`),
    );
    await expectNobody(outside, [...subjects, address, second]);
    await server.register(more);
    expect((await ask(outside, "$SRV.PING"))["id"]).not.toBe(id);
  });

  it.each(["open", "down"])(
    "is gone from a given connection after the end, also one that is %s",
    async (state) => {
      const broker: NatsServer = await natsServer();
      const connection = await bystander(broker);
      const { server } = plane({ connection });
      const { address } = await serve(server);
      const { id } = await ask(connection, "$SRV.PING");
      if (state === "down") {
        await broker.kill("SIGKILL");
        await until("it knows", () => server.health().connections === 0);
      }
      await server.stop();
      if (state === "down") await broker.start();
      const outside = await bystander(broker);
      await until("the connection stands", () =>
        connection.rtt().then(
          () => true,
          () => false,
        ),
      );
      await expectNobody(outside, [
        "$SRV.PING",
        `$SRV.STATS.${NAME}`,
        `$SRV.INFO.${NAME}.${String(id)}`,
        address,
      ]);
    },
  );

  it("is not there where permissions deny $SRV: the plane works, with one warning", async () => {
    const user = 'user: "user", password: "user", permissions: { subscribe: { deny: "$SRV.>" } }';
    const broker = await natsServer({ lines: [`authorization { timeout: 30, users: [ { ${user} } ] }`] });
    const { client, server, warnings } = plane({ servers: broker.url });
    const { address } = await serve(server);
    await serve(server, undefined, { ...ENDPOINT, component: "other" });
    await client.deliver(request(address));
    await until("the server has said so", () => warnings.length > 0);
    await broker.restart({ lines: [`authorization { timeout: 30, users: [ { ${user} } ] }`] });
    await until("a request is taken", () => succeeds(client.deliver(request(address))));
    expect(warnings.filter((warning) => warning.includes("$SRV"))).toEqual([
      "This process can't answer on $SRV of NATS: tools don't find its endpoints, requests do",
    ]);
    expect(warnings.join()).not.toContain("Permissions");
    await server.unregister(address);
  });
});
