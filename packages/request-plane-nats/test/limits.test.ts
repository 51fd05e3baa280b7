import { describeWithNats, natsServer } from "@dynamo/nats-server/vitest";
import { expect, it } from "vitest";
import { plane, request, serve } from "./support/plane.ts";
import { until } from "@dynamo/test-support";
import { failureOf, succeeds } from "@dynamo/test-world";

const HEADERS = { "request-id": "größe", empty: "" };
/** NATS/1.0, both lines with their ends, and the empty line. */
const HEADER_BYTES = Buffer.byteLength("NATS/1.0\r\nrequest-id: größe\r\nempty: \r\n\r\n");
const PLANE_LIMIT = 16 * 1024 * 1024;

describeWithNats("the server's max_payload", () => {
  it.each([
    ["with headers", HEADERS, HEADER_BYTES],
    ["without headers", {}, 0],
  ])("is met to the byte, %s", async (_name, headers, headerBytes) => {
    const limit = 10_000;
    const nats = await natsServer({ maxPayload: limit });
    const { client, server } = plane({ servers: nats.url });
    const { address, received } = await serve(server);
    const room = limit - headerBytes;
    for (const bytes of [room - 1, room]) await client.deliver(request(address, bytes, headers));
    expect(received.map(({ envelope }) => envelope.length)).toEqual([room - 1, room]);
    const error = await failureOf(client.deliver(request(address, room + 1, headers)));
    expect(error).toMatchObject({ code: "payload_too_large", facts: { actual: limit + 1, limit } });
    expect(error.retryableElsewhere).toBe(false);
    for (const word of ["10001", "10000", "max_payload", nats.url, "TCP"])
      expect(error.message).toContain(word);
    await client.deliver(request(address, room, headers));
    expect(received).toHaveLength(3);
    expect(nats.output).not.toContain("Maximum Payload");
  });

  it("is read again when the server comes back with another one", async () => {
    const nats = await natsServer({ maxPayload: 10_000 });
    const { client, server } = plane({ servers: nats.url });
    const { address, received } = await serve(server);
    await client.deliver(request(address, 10_000));
    await nats.restart({ maxPayload: 5_000 });
    // The worker may come back after its caller.
    await until("a request gets through", () => succeeds(client.deliver(request(address, 5_000))));
    expect(await failureOf(client.deliver(request(address, 5_001)))).toMatchObject({
      code: "payload_too_large",
      facts: { limit: 5_000 },
    });
    expect(received).toHaveLength(2);
  });

  it("is known after the server was told another one while it ran", async () => {
    const nats = await natsServer({ maxPayload: 10_000 });
    const { client, server } = plane({ servers: nats.url });
    const { address } = await serve(server);
    await client.deliver(request(address, 10_000));
    await nats.reload({ maxPayload: 5_000 });
    // Debian's server cuts all its clients when it reloads.
    await until("the client knows", async () => {
      const { code } = await failureOf(client.deliver(request(address, 5_001)));
      return code === "payload_too_large";
    });
    await until("the worker is there again", () => succeeds(client.deliver(request(address, 5_000))));
  });
});

describeWithNats("the limit of the plane", () => {
  it("holds where the server allows more, to the byte", async () => {
    const nats = await natsServer({ maxPayload: 32 * 1024 * 1024 });
    const { client, server } = plane({ servers: nats.url });
    const { address, received } = await serve(server);
    const room = PLANE_LIMIT - HEADER_BYTES;
    const error = await failureOf(client.deliver(request(address, room + 1, HEADERS)));
    expect(error).toMatchObject({
      code: "payload_too_large",
      facts: { actual: PLANE_LIMIT + 1, limit: PLANE_LIMIT },
    });
    for (const word of ["16 MB", "TCP"]) expect(error.message).toContain(word);
    await client.deliver(request(address, room, HEADERS));
    expect(received.map(({ envelope }) => envelope.length)).toEqual([room]);
  });

  it("needs no server to be told", async () => {
    const { client } = plane({ servers: "nats://127.0.0.1:1" });
    expect(await failureOf(client.deliver(request("a", PLANE_LIMIT + 1)))).toMatchObject({
      code: "payload_too_large",
    });
    expect(client.health().connections).toBe(0);
  });
});
