import { decode, encode } from "@msgpack/msgpack";
import { parseJson, stringifyJson } from "@dynamo/request-plane-core";
import { describe, expect, test } from "vitest";
import { PrefixIndex } from "../src/index/prefix-index.ts";
import { WorkerSlots } from "../src/worker-slots.ts";
import {
  decodeEngineBatch,
  decodeEventEnvelope,
  decodeKvEventJson,
  decodeKvEvents,
  decodeLoadReport,
  decodeLoadReportJson,
  decodeRecoveryRequest,
  decodeSequenceEventJson,
  decodeSequenceEvents,
  decodeSnapshot,
  decodeZmqFrame,
  encodeKvEventJson,
  encodeKvEvents,
  encodeLoadReport,
  encodeLoadReportJson,
  encodeSequenceEvent,
  encodeSequenceEventJson,
  encodeSequenceEvents,
  encodeSnapshot,
  encodeZmqFrame,
  recoveredState,
  recoveryReply,
  recoveryRequest,
} from "../src/wire/index.ts";
import type { RecoveryAnswer } from "../src/wire/index.ts";
import { kvEventFrom } from "../src/wire/kv-events.ts";
import { cleared, overlaps, removed, stored } from "./support/events.ts";
import { bytes, hashes, messages } from "./support/recorded.ts";

const old = messages["0.7.1"];
const recent = messages["1.6.1"];
const blocks = hashes(...(messages.hashes[0]?.block_hashes ?? []));
const sequence = hashes(...(messages.hashes[0]?.sequence_hashes ?? []));

describe("KV events", () => {
  test("of a 1.6.1 mocker", () => {
    const envelope = decodeZmqFrame(bytes(recent.stored.frames[3]));
    expect(envelope).toMatchObject({ publisherId: 2019250356220836n, sequence: 0, topic: "kv-events" });
    expect(decodeKvEvents(envelope.payload)).toEqual([
      {
        workerId: 1022786901724215598n,
        dpRank: 0,
        eventId: 1,
        storageTier: "device",
        change: { kind: "stored", blockHashes: sequence, tokensHashes: blocks },
      },
    ]);
    const [first, second] = decodeKvEvents(decodeZmqFrame(bytes(recent.removedAndStored.frames[3])).payload);
    expect([first?.change.kind, first?.eventId]).toEqual(["removed", 16]);
    expect([second?.change.kind, second?.eventId]).toEqual(["stored", 17]);
    expect(decodeKvEvents(decodeZmqFrame(bytes(recent.rank1.frames[3])).payload)[0]?.dpRank).toBe(1);
    expect(decodeKvEvents(decodeEventEnvelope(bytes(recent.natsEvents)).payload)).toHaveLength(1);
  });

  test("of a 0.7.1 mocker", () => {
    const event = decodeKvEventJson(old.stored);
    expect(event).toMatchObject({ workerId: 8256120701810130957n, dpRank: 0, eventId: 0 });
    expect(encodeKvEventJson(event)).toBe(old.stored);
    expect(encodeKvEventJson(decodeKvEventJson(old.removed))).toBe(old.removed);
  });

  test.each(["stored", "removedAndStored", "rank1"] as const)("have the bytes of 1.6.1: %s", (name) => {
    const { payload } = decodeZmqFrame(bytes(recent[name].frames[3]));
    expect(Buffer.from(encodeKvEvents(decodeKvEvents(payload)))).toEqual(Buffer.from(payload));
  });

  test("with ids beyond 32 bits are whole numbers", () => {
    const [event] = decodeKvEvents(encodeKvEvents([stored(1, [1], { eventId: 2 ** 40 })]));
    expect(event?.eventId).toBe(2 ** 40);
    expect(Buffer.from(encodeKvEvents([stored(1, [1], { eventId: 2 ** 40 })])).includes(0xcb)).toBe(false);
  });

  test("with the least that 1.6.1 takes", () => {
    const [event] = (parseJson(recent.minimalEvent) as unknown[]).map(kvEventFrom);
    expect(event?.change).toEqual({ kind: "stored", blockHashes: hashes(111), tokensHashes: hashes(222) });
  });

  test("come back as they were", () => {
    const events = [stored(1, [1, 2], { eventId: 3, parent: 7 }), removed(2, [1], { dpRank: 1 }), cleared(3)];
    expect(decodeKvEvents(encodeKvEvents(events))).toEqual(
      events.map((event) => ({ ...event, storageTier: "device" })),
    );
    for (const event of events) expect(decodeKvEventJson(encodeKvEventJson(event))).toEqual(event);
  });

  test.each([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["event of a KV event is no object", '{"worker_id":1}'],
    ["worker_id is -3.5", '{"worker_id":-3.5,"event":{"event_id":1,"data":"cleared"}}'],
    ["event_id is -1", '{"worker_id":1,"event":{"event_id":-1,"data":"cleared"}}'],
    ["none of stored", '{"worker_id":1,"event":{"event_id":1,"data":{"moved":{}}}}'],
    ["blocks is no list", '{"worker_id":1,"event":{"event_id":1,"data":{"stored":{}}}}'],
    [
      "tokens_hash is undefined",
      '{"worker_id":1,"event":{"event_id":1,"data":{"stored":{"blocks":[{"block_hash":1}]}}}}',
    ],
    [
      "block_hashes is 18446744073709551616",
      '{"worker_id":1,"event":{"event_id":1,"data":{"removed":{"block_hashes":[18446744073709551616]}}}}',
    ],
  ])("that are wrong are refused: %s", (message, text) => {
    expect(() => decodeKvEventJson(text)).toThrow(expect.objectContaining({ code: "protocol_error" }));
    expect(() => decodeKvEventJson(text)).toThrow(message);
  });
});

describe("frames", () => {
  test("are written as they are read", () => {
    const frame = bytes(recent.stored.frames[3]);
    expect(Buffer.from(encodeZmqFrame(decodeZmqFrame(frame)))).toEqual(Buffer.from(frame));
  });

  test.each([
    ["4 bytes only", "01000000"],
    ["version 2", "0200000000"],
    ["says 9 bytes and has 1", "0100000009c0"],
    ["no object", "0100000001c0"],
    ["no msgpack", "010000000181"],
  ])("that are wrong are refused: %s", (message, hex) => {
    expect(() => decodeZmqFrame(bytes(hex))).toThrow(message);
  });

  test("that are cut anywhere are refused, and never something else", () => {
    const frame = bytes(recent.stored.frames[3]);
    for (let length = 0; length < frame.length; length++) {
      expect(() => decodeZmqFrame(frame.subarray(0, length))).toThrow(
        expect.objectContaining({ code: "protocol_error" }),
      );
    }
  });
});

describe("events about requests", () => {
  test("of a 1.6.1 frontend and mocker, over ZMQ and NATS", () => {
    const payload = decodeZmqFrame(bytes(recent.replicaSync.frames[3])).payload;
    const [event] = decodeSequenceEvents(payload, 4);
    expect(event).toEqual({
      requestId: "519809d9-4397-4cba-abeb-34251700be5d",
      worker: { workerId: 15286330316767546755n, dpRank: 1 },
      routerId: 1145090845091691127n,
      change: { kind: "added", sequenceHashes: sequence, prefillTokens: 3 },
    });
    expect(event && decode(encodeSequenceEvents([event]), { useBigInt64: true })).toEqual(
      decode(payload, { useBigInt64: true }),
    );
    const [fromMocker] = decodeSequenceEvents(
      decodeZmqFrame(bytes(recent.mockerSequence.frames[3])).payload,
      4,
    );
    expect(fromMocker?.change).toEqual({ kind: "prefill_completed" });
    const single = decodeEventEnvelope(bytes(recent.natsSequence)).payload;
    const [one] = decodeSequenceEvents(single, 4);
    expect(one?.change.kind).toBe("prefill_completed");
    expect(one && Buffer.from(encodeSequenceEvent(one))).toEqual(Buffer.from(single));
  });

  test("of a 0.7.1 frontend", () => {
    const event = decodeSequenceEventJson(old.added, 4);
    expect(event.change).toEqual({
      kind: "added",
      sequenceHashes: sequence,
      prefillTokens: 35,
      tokens: 35,
      overlapBlocks: 0,
    });
    for (const text of [old.added, old.prefillCompleted, old.freed]) {
      expect(encodeSequenceEventJson(decodeSequenceEventJson(text, 4))).toBe(text);
    }
    expect(() => decodeSequenceEventJson("{", 4)).toThrow(
      expect.objectContaining({ code: "protocol_error" }),
    );
  });
});

test("load is written as workers of both releases write it", () => {
  const { payload } = decodeZmqFrame(bytes(recent.metrics.frames[3]));
  expect(Buffer.from(encodeLoadReport(decodeLoadReport(payload)))).toEqual(Buffer.from(payload));
  const load = { workerId: 2n ** 60n, dpRank: 1, kvUsedBlocks: 7, totalKvBlocks: 64 };
  expect(decodeLoadReportJson(encodeLoadReportJson(load))).toEqual({
    workerId: 2n ** 60n,
    dpRank: 1,
    kvUsedBlocks: 7,
  });
  const shape = (text: string): unknown =>
    JSON.parse(text, (_key, value: unknown) => (typeof value === "number" ? 0 : value));
  expect(JSON.stringify(shape(encodeLoadReportJson(load)))).toBe(JSON.stringify(shape(old.metrics)));
});

test("load of workers, of both releases", () => {
  expect(decodeLoadReport(decodeZmqFrame(bytes(recent.metrics.frames[3])).payload)).toEqual({
    workerId: 1022786901724215598n,
    dpRank: 0,
    kvUsedBlocks: 9,
  });
  expect(decodeLoadReport(decodeEventEnvelope(bytes(recent.natsMetrics)).payload).kvUsedBlocks).toBe(0);
  expect(decodeLoadReportJson(old.metrics)).toEqual({
    workerId: 8256120701810130951n,
    dpRank: 0,
    kvUsedBlocks: 10,
  });
});

test("questions to a worker and its answers", () => {
  const request = recoveryRequest({ workerId: 1022786901724215598n, dpRank: 0 }, undefined);
  expect(Buffer.from(encode(request, { useBigInt64: true }))).toEqual(
    Buffer.from(bytes(recent.recoveryRequest)),
  );
  const replies = recent.recoveryReplies.map((reply) => (JSON.parse(reply) as { data: unknown }).data);
  expect(() => recoveredState(replies[0])).toThrow("InvalidRange");
  expect(recoveredState(replies[1])).toEqual({ kind: "nothing" });
  const events = parseJson(recent.stored.payload);
  expect(recoveredState({ TreeDump: { events, last_event_id: 27, reset_scope: "all" } })).toMatchObject({
    kind: "dump",
    lastEventId: 27,
    events: [{ change: { kind: "stored" } }],
  });
  expect(recoveredState({ Events: { events } })).toMatchObject({ kind: "events" });
  expect(() => recoveredState({})).toThrow("empty");
});

test("questions are read and answers written by a worker", () => {
  const request = decode(bytes(recent.recoveryRequest), { useBigInt64: true });
  expect(decodeRecoveryRequest(request)).toEqual({
    workerId: 1022786901724215598n,
    dpRank: 0,
    startEventId: undefined,
    endEventId: undefined,
  });
  expect(() => decodeRecoveryRequest({ worker_id: "a" })).toThrow("worker_id");
  const wrapped = (answer: RecoveryAnswer): string =>
    stringifyJson({ data: recoveryReply(answer), complete_final: false });
  expect([
    wrapped({ kind: "invalid_range", start: 3, end: 1 }),
    wrapped({ kind: "too_new", start: 9999, end: 12, newest: 12 }),
  ]).toEqual(recent.recoveryReplies.slice(0, 2));
  const events = [stored(1, [1, 2], { eventId: 3, parent: 7 })];
  const told = events.map((event) => ({ ...event, storageTier: "device" }));
  expect(recoveredState(recoveryReply({ kind: "events", events }))).toEqual({ kind: "events", events: told });
  expect(recoveredState(recoveryReply({ kind: "dump", events, lastEventId: 9 }))).toEqual({
    kind: "dump",
    events: told,
    lastEventId: 9,
  });
});

describe("snapshots of 0.7.1", () => {
  test("are read, used and written", () => {
    const snapshot = bytes(old.snapshot);
    const events = decodeSnapshot(snapshot);
    expect(events).toHaveLength(10);
    expect(Buffer.from(encodeSnapshot(events))).toEqual(Buffer.from(snapshot));
    const slots = new WorkerSlots();
    const index = new PrefixIndex(slots);
    for (const event of events) expect(index.apply(event)).toBe("applied");
    expect(overlaps(index, slots, [...blocks])).toEqual({ "8256120701810130951/0": 8 });
    expect(decodeSnapshot(encodeSnapshot(index.dump())).map(({ change }) => change.kind)).toEqual(["stored"]);
  });

  test("that are cut or announce too much are refused", () => {
    const snapshot = bytes(old.snapshot);
    for (let length = 0; length < snapshot.length; length++) {
      expect(() => decodeSnapshot(snapshot.subarray(0, length))).toThrow("early");
    }
    expect(() => decodeSnapshot(Buffer.concat([snapshot, Buffer.from([0])]))).toThrow("too many");
    expect(() => decodeSnapshot(bytes("ffffffffffffffff"))).toThrow("announced");
    expect(() => encodeSnapshot([cleared(1)])).toThrow("cleared");
  });
});

describe("batches of an engine", () => {
  const tokens = [1, 2, 3, 4, 5, 6, 7, 8];
  const tokensHashes = hashes(...messages.hashes[2]!.block_hashes.slice(0, 2));

  test("as lists, with signed hashes and tokens that are hashed here", () => {
    const batch = encode(
      [
        1.5,
        [
          ["BlockStored", [-1n, 2], null, tokens, 4, null, "GPU"],
          ["BlockRemoved", [2], "GPU"],
          ["AllBlocksCleared"],
          ["New", 1],
        ],
        1,
      ],
      { useBigInt64: true },
    );
    expect(decodeEngineBatch(batch, 4)).toEqual({
      timestamp: 1.5,
      dpRank: 1,
      changes: [
        {
          change: { kind: "stored", blockHashes: hashes(2n ** 64n - 1n, 2), tokensHashes },
          storageTier: "device",
        },
        { change: { kind: "removed", blockHashes: hashes(2) }, storageTier: "device" },
        { change: { kind: "cleared" }, storageTier: "device" },
      ],
    });
  });

  test("as maps, with a parent, a LoRA adapter, and in other memory", () => {
    const event = {
      type: "BlockStored",
      block_hashes: [8],
      parent_block_hash: 7,
      token_ids: [1, 2, 3, 4],
      block_size: 4,
    };
    const events = [
      { ...event, lora_name: messages.lora.name },
      { ...event, medium: "CPU" },
      { ...event, locality: "REMOTE" },
      { ...event, block_size: 8 },
    ];
    const { changes } = decodeEngineBatch(encode([0, events]), 4);
    expect(changes).toHaveLength(2);
    expect(changes[0]?.change).toMatchObject({
      parentHash: 7n,
      tokensHashes: hashes(messages.lora.block_hashes[0]!),
    });
    expect(changes[1]?.storageTier).toBe("cpu");
  });

  test("that are wrong are refused", () => {
    expect(() => decodeEngineBatch(encode([0, [["BlockRemoved", [new Uint8Array(32)]]]]), 4)).toThrow(
      "bytes",
    );
    expect(() => decodeEngineBatch(encode({}), 4)).toThrow("no list");
  });
});
