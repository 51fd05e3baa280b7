/** What goes over the wire, byte for byte as 1.6.1 sends it, and what it sends is understood. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { eventChannelRecord } from "@dynamo/discovery";
import {
  decodeEventEnvelope,
  decodeKvEvents,
  decodeLoadReport,
  decodeSequenceEvents,
  decodeZmqFrame,
} from "@dynamo/kv-router/wire";
import type { EventEnvelope } from "@dynamo/kv-router/wire";
import { natsLink } from "@dynamo/request-plane-nats/connection";
import { describeWithNats, natsServer } from "@dynamo/nats-server/vitest";
import { expect, onTestFinished, test } from "vitest";
import { Publisher, Subscriber } from "zeromq";
import type { EnvelopeListener, EventTransport } from "../src/index.ts";
import { natsEvents } from "../src/nats/index.ts";
import { zmqOnLoopback } from "./support/transports.ts";
import { GENERATE, removed, stored, until, World } from "./support/world.ts";

interface Recorded {
  readonly zmq: Readonly<Record<"stored" | "metrics" | "sequence", string[]>>;
  readonly nats: Readonly<Record<"stored" | "metrics" | "sequence", { subject: string; envelope: string }>>;
}

const recorded = JSON.parse(
  readFileSync(new URL("support/recorded.json", import.meta.url), "utf8"),
) as Recorded;

function listen(transport: EventTransport, topic: string, heard: EventEnvelope[]): EnvelopeListener {
  const problems: string[] = [];
  const listener = transport.listener(topic, {
    onEnvelope: (envelope) => void heard.push(envelope),
    onListening: () => undefined,
    onProblem: (problem) => void problems.push(problem),
  });
  onTestFinished(() => {
    expect(problems).toEqual([]);
    return listener.close();
  });
  return listener;
}

test("ZMQ frames of a recorded message are sent again with the same bytes", async () => {
  for (const hex of Object.values(recorded.zmq)) {
    const frames = hex.map((frame) => Buffer.from(frame, "hex"));
    const envelope = decodeZmqFrame(frames[3] ?? Buffer.alloc(0));
    const publisher = await zmqOnLoopback().publisher(GENERATE, envelope.topic);
    const subscriber = new Subscriber({ linger: 0, receiveTimeout: 20_000 });
    onTestFinished(async () => {
      subscriber.close();
      await publisher.close();
    });
    subscriber.connect(String(publisher.address.config["endpoint"]));
    subscriber.subscribe(envelope.topic);
    const received = subscriber.receive();
    let isHere = false;
    void received.finally(() => (isHere = true));
    while (!isHere) {
      publisher.send(envelope);
      await sleep(10);
    }
    expect((await received).map((frame) => frame.toString("hex"))).toEqual(hex);
  }
});

test("ZMQ frames of a mocker are heard", async () => {
  for (const hex of Object.values(recorded.zmq)) {
    const frames = hex.map((frame) => Buffer.from(frame, "hex"));
    const { publisherId, topic } = decodeZmqFrame(frames[3] ?? Buffer.alloc(0));
    const mocker = new Publisher({ linger: 0 });
    onTestFinished(() => mocker.close());
    await mocker.bind("tcp://127.0.0.1:*");
    const heard: EventEnvelope[] = [];
    const listener = listen(zmqOnLoopback(), topic, heard);
    const config = { endpoint: mocker.lastEndpoint };
    listener.add(eventChannelRecord({ endpoint: GENERATE, topic, publisherId }, { kind: "Zmq", config }));
    await until("it is heard", async () => {
      await mocker.send([...frames]);
      return heard.length > 0;
    });
    expect(heard[0]).toMatchObject({ publisherId, topic });
  }
});

describeWithNats("NATS", () => {
  test("messages of a mocker are heard, and sent again with the same bytes on the same subject", async () => {
    const server = await natsServer();
    const transport = natsEvents({ servers: server.url, environment: {} });
    const bystander = natsLink({ servers: server.url, environment: {} });
    onTestFinished(async () => {
      await Promise.all([transport.close(), bystander.close()]);
    });
    const connection = await bystander.connect();
    for (const { subject, envelope: hex } of Object.values(recorded.nats)) {
      const envelope = decodeEventEnvelope(Buffer.from(hex, "hex"));
      const { publisherId, topic } = envelope;
      const publisher = await transport.publisher(GENERATE, topic);
      const sent: string[] = [];
      connection.subscribe(subject, {
        callback: (_error, { data }) => void sent.push(Buffer.from(data).toString("hex")),
      });
      const heard: EventEnvelope[] = [];
      const listener = listen(transport, topic, heard);
      listener.add(eventChannelRecord({ endpoint: GENERATE, topic, publisherId }, publisher.address));
      await connection.flush();
      publisher.send(envelope);
      await until("others have it", () => sent.length === 1);
      expect(sent).toEqual([hex]);
      await until("it is heard", () => {
        connection.publish(subject, Buffer.from(hex, "hex"));
        return heard.length > 0;
      });
      expect(heard.at(-1)).toEqual(envelope);
    }
  });

  test("what a worker tells has the fields of the recordings, from the first event on", async () => {
    const server = await natsServer();
    const transport = (): EventTransport => natsEvents({ servers: server.url, environment: {} });
    const bystander = natsLink({ servers: server.url, environment: {} });
    onTestFinished(() => bystander.close());
    const connection = await bystander.connect();
    const heard = new Map<string, EventEnvelope[]>();
    connection.subscribe("namespace.dynamo.component.backend.endpoint.generate.*", {
      callback: (_error, { subject, data }) => {
        const list = heard.get(subject) ?? [];
        heard.set(subject, [...list, decodeEventEnvelope(data)]);
      },
    });
    await connection.flush();
    const worker = await World.over(transport).worker();
    worker.events.publishKv(0, stored([1, 2]));
    worker.events.publishKv(0, removed([2]));
    worker.events.reportLoad({ dpRank: 0, kvUsedBlocks: 9 });
    worker.events.prefillCompleted("a", 0);
    const { stored: kv, metrics, sequence } = recorded.nats;
    await until("all is here", () => heard.size === 3);
    const one = (subject: string): EventEnvelope => {
      const [first] = heard.get(subject) ?? [];
      expect(first?.sequence).toBe(0);
      return first!;
    };
    const { instance_id: workerId } = worker.instance;
    expect(decodeKvEvents(one(kv.subject).payload)).toMatchObject([
      { workerId, dpRank: 0, eventId: 1, storageTier: "device", change: { kind: "stored" } },
      { workerId, dpRank: 0, eventId: 2, storageTier: "device", change: { kind: "removed" } },
    ]);
    expect(decodeLoadReport(one(metrics.subject).payload)).toEqual({ workerId, dpRank: 0, kvUsedBlocks: 9 });
    expect(decodeSequenceEvents(one(sequence.subject).payload, 4)).toEqual([
      {
        requestId: "a",
        worker: { workerId, dpRank: 0 },
        routerId: workerId,
        change: { kind: "prefill_completed" },
      },
    ]);
  });
});
