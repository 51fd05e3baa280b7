import { parseEndpointName } from "@dynamo/request-plane-core";
import { describeWithNats, natsServer } from "@dynamo/nats-server/vitest";
import { describe, expect, it } from "vitest";
import { subjectOf } from "../src/subject.ts";
import { plane, serve } from "./support/plane.ts";
import { RawClient } from "./support/raw-client.ts";
import { headersIn, recordedRequests } from "./support/recorded.ts";

const requests = recordedRequests();

describe("recorded requests", () => {
  it("are one of each release", () => {
    expect(requests.map(({ dynamo, verb }) => `${dynamo} ${verb}`).sort()).toEqual([
      "0.7.1 PUB",
      "1.6.1 HPUB",
    ]);
  });

  it.each(requests)("of $dynamo go to the subject that we would serve", ({ subject }) => {
    const id = BigInt(`0x${/-([0-9a-f]+)$/.exec(subject)![1]!}`);
    expect(subjectOf({ ...parseEndpointName("dynamo.backend.generate"), instanceId: id })).toBe(subject);
  });
});

describeWithNats.each(requests)("the recorded request of $dynamo", ({ verb, subject, header, envelope }) => {
  it("is what a client of ours sends, byte for byte", async () => {
    const nats = await natsServer();
    const worker = await RawClient.connect(nats);
    worker.write(`SUB ${subject} q 1\r\n`);
    await worker.flush();
    const { client } = plane({ servers: nats.url });
    const delivered = client.deliver({
      address: subject,
      headers: headersIn(header),
      envelope: [envelope.subarray(0, 24), envelope.subarray(24)],
      envelopeBytes: envelope.length,
    });
    const message = await worker.next();
    expect(message.verb).toBe(verb === "HPUB" ? "HMSG" : "MSG");
    expect(message.header.toString("hex")).toBe(header.toString("hex"));
    expect(message.payload.toString("hex")).toBe(envelope.toString("hex"));
    worker.write(`PUB ${message.reply!} 0\r\n\r\n`);
    await delivered;
  });

  it("is taken by a server of ours and answered with nothing", async () => {
    const nats = await natsServer();
    const { server } = plane({ servers: nats.url });
    const { address, received } = await serve(server);
    const caller = await RawClient.connect(nats);
    caller.write("SUB inbox.1 1\r\n");
    const sizes =
      verb === "HPUB" ? `${header.length} ${header.length + envelope.length}` : `${envelope.length}`;
    caller.write(`${verb} ${address} inbox.1 ${sizes}\r\n`, header, envelope, "\r\n");
    const reply = await caller.next();
    expect(reply).toMatchObject({ verb: "MSG", header: Buffer.alloc(0), payload: Buffer.alloc(0) });
    expect(received[0]?.headers).toEqual(headersIn(header));
    expect(Buffer.from(received[0]!.envelope).toString("hex")).toBe(envelope.toString("hex"));
  });
});
