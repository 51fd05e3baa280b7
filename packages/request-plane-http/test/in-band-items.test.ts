/** Frames that hold several items: what a worker puts into them, and what a caller makes of them. */
import { failureOf, collect, settled } from "@dynamo/test-world";
import type { FrameForm } from "@dynamo/request-plane-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyOf, RawCaller, requestBody } from "./support/in-band-caller.ts";
import type { Answer } from "./support/in-band-caller.ts";
import { bodyFrame, IN_BAND, itemsFrame, KINDS } from "./support/in-band-frames.ts";
import { begin, RawInBandWorker } from "./support/in-band-worker.ts";
import { served } from "./support/plane.ts";
import { World } from "./support/world.ts";

const { ANNOTATED, END, ITEM, ITEMS } = KINDS;

type Written = readonly [body: string | Uint8Array, form: FrameForm];

/** What a caller gets of what is written in one tick. */
async function answerOf(written: readonly Written[]): Promise<Answer> {
  await using plane = await served({}, ({ connector }) => {
    const writer = connector!.connect({ transport: connector!.transport, info: "" }, "id");
    writer.prologue();
    for (const [body, form] of written) writer.write(body, form);
    writer.end(() => undefined);
    return undefined;
  });
  await using caller = new RawCaller(plane.address);
  const answer = caller.post(IN_BAND, requestBody(keyOf(1), {}));
  expect(await answer.ended()).toBe(END);
  return answer;
}

const LONG = JSON.stringify("x".repeat(20_000));

describe("items that are written in one tick", () => {
  it.each<[string, Written[], number[]]>([
    [
      "share a frame",
      [
        ["1", "item"],
        ["2", "item"],
        ["3", "item"],
      ],
      [ITEMS, END],
    ],
    ["have a frame of their own when there is one", [["1", "item"]], [ITEM, END]],
    [
      "share it with those that follow each other",
      [
        ["1", "item"],
        ["2", "item"],
        ['{"id":"a"}', "annotated"],
        ["3", "item"],
        ["4", "item"],
        ["5", "item"],
      ],
      [ITEMS, ANNOTATED, ITEMS, END],
    ],
    [
      "don't share it with a long one",
      [
        ["1", "item"],
        ["2", "item"],
        [LONG, "item"],
        ["3", "item"],
      ],
      [ITEMS, ITEM, ITEM, END],
    ],
    [
      "don't share it when they are no JSON",
      [
        [Buffer.from([1]), "item"],
        [Buffer.from([2]), "item"],
      ],
      [ITEM, ITEM, END],
    ],
  ])("%s", async (_name, written, kinds) => {
    const answer = await answerOf(written);
    expect(answer.kinds).toEqual(kinds);
    expect(answer.frames.slice(0, -1).map(({ body }) => body)).toEqual(written.map(([body]) => String(body)));
  });

  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 400 }),
    fc.nat(40_000).map((length) => "ä€".repeat(length / 2)),
  );
  const written = fc.array(
    fc.tuple(
      text.map((value) => JSON.stringify(value)),
      fc.constantFrom<FrameForm>("item", "item", "item", "annotated"),
    ),
    { maxLength: 60 },
  );

  it("are what the caller gets, however long and many they are", async () => {
    await fc.assert(
      fc.asyncProperty(written, async (bodies) => {
        const frames = bodies.map(([body, form]) => ({ kind: form === "item" ? ITEM : ANNOTATED, body }));
        expect((await answerOf(bodies)).frames).toEqual([...frames, { kind: END, body: "" }]);
      }),
      { numRuns: 30 },
    );
  });
});

/** A client of a worker that answers with these bytes. */
async function clientOf(world: World, bytes: Buffer, maxResponseMessageBytes = 1_000_000) {
  await RawInBandWorker.start(world, (stream) => void begin(stream).end(bytes));
  return world.client({ settings: { maxResponseMessageBytes } });
}

const TEXTS = ['{"n":1}', '"ä"', "18446744073709551615", "null"];
const VALUES = [{ n: 1 }, "ä", 18446744073709551615n, null];

describe("a frame of several items", () => {
  it("is read in every way, alone and among others", async () => {
    await using world = new World();
    const bytes = Buffer.concat([
      itemsFrame(TEXTS),
      bodyFrame(ANNOTATED, '{"data":5,"id":"b"}'),
      bodyFrame(ITEM, "6"),
      itemsFrame(["7"]),
      bodyFrame(END),
    ]);
    const { client, manager } = await clientOf(world, bytes);
    const values = [...VALUES, 5, 6, 7];
    expect(await collect(client.roundRobin({}))).toEqual(values);
    expect((await collect((await client.roundRobin({})).batches())).flat()).toEqual(values);
    const annotated = values.map((data) => (data === 5 ? { data, id: "b" } : { data }));
    expect(await collect((await client.roundRobin({})).annotated())).toEqual(annotated);
    expect((await collect((await client.roundRobin({})).jsonBatches())).flat()).toEqual([
      ...TEXTS,
      "5",
      "6",
      "7",
    ]);
    await settled(manager);
  });

  it("is read no further than its reader wants", async () => {
    await using world = new World();
    const { client, manager } = await clientOf(world, Buffer.concat([itemsFrame(TEXTS), bodyFrame(END)]));
    for await (const item of await client.roundRobin({})) {
      expect(item).toEqual(VALUES[0]);
      break;
    }
    const stream = await client.roundRobin({});
    const items = stream[Symbol.asyncIterator]();
    await items.next();
    stream.cancel();
    expect((await failureOf(items.next())).code).toBe("cancelled");
    await settled(manager);
  });

  it.each([
    ["of which one is no JSON", itemsFrame(["1", "2", "{", "4"]), [1, 2]],
    ["of which two make one together", itemsFrame(["1", '{"a":1', '"b":2}', "4"]), [1]],
    ["with one more than it says", itemsFrame(["1", "2"], 1), []],
    ["with one less than it says", itemsFrame(["1", "2"], 3), []],
    ["with none", itemsFrame([]), []],
    ["that says that there are none", itemsFrame(["1"], 0), []],
    ["too short for its count", bodyFrame(ITEMS, "abc"), []],
    ["without brackets", bodyFrame(ITEMS, Buffer.from("\0\0\0\u00011234")), []],
  ])("%s fails its call", async (_name, frame, good) => {
    await using world = new World();
    const { client, manager } = await clientOf(world, Buffer.concat([frame, bodyFrame(END)]));
    const got: unknown[] = [];
    const call = client.roundRobin({}, { failover: false }).then(async (stream) => {
      for await (const item of stream) got.push(item);
    });
    expect((await failureOf(call)).code).toBe("protocol_error");
    expect(got).toEqual(good);
    await settled(manager);
  });

  it("may be larger than an item may be, and each of its items may not", async () => {
    const many = Array.from({ length: 100 }, () => JSON.stringify("x".repeat(1_098)));
    await using world = new World();
    const { client } = await clientOf(world, Buffer.concat([itemsFrame(many), bodyFrame(END)]), 1_100);
    expect(await collect(client.roundRobin({}))).toHaveLength(100);

    await using other = new World();
    const one = itemsFrame([...many.slice(1), JSON.stringify("x".repeat(1_099))]);
    const { client: caller } = await clientOf(other, Buffer.concat([one, bodyFrame(END)]), 1_100);
    expect(await failureOf(collect(caller.roundRobin({})))).toMatchObject({
      code: "payload_too_large",
      facts: { actual: 1_101, limit: 1_100 },
    });
  });

  it("has 131,072 bytes at most where an item has less", async () => {
    const many = Array.from({ length: 130 }, () => JSON.stringify("x".repeat(1_098)));
    await using world = new World();
    const { client } = await clientOf(world, Buffer.concat([itemsFrame(many), bodyFrame(END)]), 1_100);
    expect((await failureOf(collect(client.roundRobin({})))).code).toBe("payload_too_large");
  });
});
