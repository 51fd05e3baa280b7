import { memoryDiscovery } from "@dynamo/discovery";
import type { EventChannelRecord } from "@dynamo/discovery";
import type { EventEnvelope } from "@dynamo/kv-router/wire";
import { expect, onTestFinished, test, vi } from "vitest";
import { ChannelListener } from "../src/channel-listener.ts";
import type { EventTransport, ListenerEvents } from "../src/transport.ts";
import { GENERATE } from "./support/world.ts";

const TOPIC = "kv-events";
const envelope = (publisherId: bigint): EventEnvelope => ({
  publisherId,
  sequence: 0,
  publishedAt: 0,
  topic: TOPIC,
  payload: new Uint8Array(),
});

test("what is wrong with a publisher is said once, whatever others do, and again after it was well", async () => {
  let heard: ListenerEvents | undefined;
  const listener = { add: vi.fn(), remove: vi.fn(), close: () => Promise.resolve() };
  const transport = {
    kind: "Zmq",
    listener: (_topic: string, events: ListenerEvents) => {
      heard = events;
      return listener;
    },
  } as unknown as EventTransport;
  const discovery = memoryDiscovery();
  onTestFinished(() => discovery.close());
  const faults = new Map<bigint, string>();
  const said: string[] = [];
  const logger = {
    debug: vi.fn(),
    info: vi.fn(),
    error: vi.fn(),
    warn: (facts: { publisher?: string; problem?: string }) => {
      said.push(`${facts.publisher}: ${facts.problem}`);
    },
  };
  const channels = new ChannelListener({
    discovery,
    transport,
    endpoint: GENERATE,
    topic: TOPIC,
    onEnvelope: ({ publisherId }) => {
      const fault = faults.get(publisherId);
      if (fault !== undefined) throw new Error(fault);
    },
    logger,
  });
  onTestFinished(() => channels.close());
  for (const instance_id of [1n, 2n]) {
    const at = { kind: "Zmq", config: { endpoint: "tcp://127.0.0.1:1" } };
    const record: EventChannelRecord = {
      type: "EventChannel",
      ...GENERATE,
      topic: TOPIC,
      instance_id,
      transport: at,
    };
    await discovery.register(record);
  }
  await vi.waitFor(() => expect(channels.size).toBe(2), 10_000);
  const rounds = (count: number): string[] => {
    for (let round = 0; round < count; round++) for (const id of [1n, 2n]) heard?.onEnvelope(envelope(id));
    return said.splice(0);
  };
  faults.set(1n, "old").set(2n, "odd");
  expect(rounds(3)).toEqual(["1: old", "2: odd"]);
  faults.delete(1n);
  expect(rounds(3)).toEqual([]);
  faults.set(1n, "old");
  expect(rounds(3)).toEqual(["1: old"]);
});
