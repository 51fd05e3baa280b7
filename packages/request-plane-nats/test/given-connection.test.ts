import { connect } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { describeWithNats, natsServer } from "@dynamo/nats-server/vitest";
import { expect, it } from "vitest";
import { plane, request, serve } from "./support/plane.ts";
import { until } from "@dynamo/test-support";
import { failureOf, succeeds } from "@dynamo/test-world";

describeWithNats("a connection that is given", () => {
  const given = async (port: number): Promise<NatsConnection> =>
    connect({ servers: `127.0.0.1:${port}`, reconnectTimeWait: 20, maxReconnectAttempts: -1 });

  it("is used by both sides and left open, with nothing of ours on it", async () => {
    const server = await natsServer();
    const connection = await given(server.port);
    const { client, server: worker } = plane({ connection, servers: "nats://127.0.0.1:1" });
    const { address } = await serve(worker);
    await client.deliver(request(address));
    expect(client.health().connections).toBe(1);
    await client.close();
    await worker.stop();
    expect(connection.isClosed()).toBe(false);
    const { received } = await serve(plane({ connection }).server);
    const reply = await connection.request(address, "x");
    expect([reply.data.length, received.length]).toEqual([0, 1]);
    await connection.close();
  });

  it("that breaks and comes back is followed", async () => {
    const server = await natsServer();
    const connection = await given(server.port);
    const { client, server: worker } = plane({ connection });
    const { address } = await serve(worker);
    const silent = await given(server.port);
    silent.subscribe("silent");
    await silent.flush();
    const waiting = failureOf(client.deliver(request("silent")));
    await until("it is out", () => client.health().pending === 1);
    await server.kill("SIGKILL");
    expect(await waiting).toMatchObject({ code: "disconnected" });
    expect(await failureOf(client.deliver(request(address)))).toMatchObject({ code: "cannot_connect" });
    await server.start();
    await until("a request is taken", () => succeeds(client.deliver(request(address))));
    await Promise.all([connection.close(), silent.close()]);
  });

  it("is not followed any further after the end", async () => {
    const server = await natsServer();
    const connection = await given(server.port);
    const { client } = plane({ connection });
    await failureOf(client.deliver(request("nobody")));
    await client.close();
    let isBack = false;
    void (async () => {
      for await (const { type } of connection.status()) isBack ||= type === "reconnect";
    })();
    await server.restart();
    await until("the connection is back", () => isBack);
    expect(client.health()).toEqual({ connections: 0, pending: 0 });
    await connection.close();
  });

  it("that is closed is not usable, and says so", async () => {
    const connection = await given((await natsServer()).port);
    const { client, server } = plane({ connection });
    const { address } = await serve(server);
    await client.deliver(request(address));
    await connection.close();
    for (const use of [() => client.deliver(request(address)), () => server.start()]) {
      await until("it is noticed", async () => (await failureOf(use())).message.includes("given"));
      expect(await failureOf(use())).toMatchObject({ code: "cannot_connect" });
    }
  });
});
