import { describe, expect, it } from "vitest";
import type { JsonItem } from "../src/annotated.ts";
import type { ReceivedForm } from "../src/response-plane.ts";
import { ResponseStream } from "../src/response-stream.ts";
import { reading } from "./support/reading.ts";

type Row = readonly [name: string, form: ReceivedForm, frame: string, item: JsonItem];

const BIG = '{"a":18446744073709551615,"b":[1.0,1e400]}';
const COMMENT = { event: "note", comment: ["x"] };

const ITEMS: Row[] = [
  ["an item alone", "item", BIG, BIG],
  ["an item alone, with white space", "item", '{\n  "a": 1\n}', '{\n  "a": 1\n}'],
  ["an item alone that is not JSON", "item", "{no JSON", "{no JSON"],
  ["a wrapped item", "wrapped", `{"data":{"data":${BIG}},"complete_final":false}`, BIG],
  ["a wrapped item, with white space", "wrapped", `{"data": {"data": ${BIG}} }`, BIG],
  ["a wrapped item with an id", "wrapped", `{"data":{"id":"1","data":${BIG}}}`, BIG],
  ["an envelope with nothing but data", "annotated", `{"data":${BIG}}`, BIG],
  ["an envelope", "annotated", `{"data":${BIG},"event":"note","comment":["x"]}`, { ...COMMENT, data: BIG }],
  ["an annotation", "annotated", '{"event":"note","comment":["x"]}', COMMENT],
  ["a wrapped annotation", "wrapped", '{"data":{"event":"note","comment":["x"]}}', COMMENT],
];

/** A response that is whole, with an item in front, which the call looks at. */
function streamOf(frames: (readonly [form: ReceivedForm, frame: string])[]): ResponseStream<unknown> {
  const { buffer, reader } = reading<unknown>(100_000);
  buffer.opened();
  for (const [form, frame] of frames) buffer.frame(Buffer.from(frame), 0, Buffer.byteLength(frame), form);
  buffer.completed();
  buffer.ended();
  reader.open();
  return new ResponseStream("id", 1n, reader);
}

async function itemsOf(stream: ResponseStream<unknown>): Promise<JsonItem[]> {
  const items: JsonItem[] = [];
  for await (const batch of stream.jsonBatches()) items.push(...batch);
  return items;
}

describe("the items of a response as JSON text", () => {
  it.each(ITEMS)("%s", async (_name, form, frame, item) => {
    const items = await itemsOf(
      streamOf([
        ["item", "1"],
        [form, frame],
      ]),
    );
    expect(items).toEqual(["1", item]);
  });

  it.each(ITEMS.filter(([name]) => !name.includes("not JSON")))(
    "first: %s",
    async (_name, form, frame, item) => {
      expect(await itemsOf(streamOf([[form, frame]]))).toEqual([item]);
    },
  );

  it("come as they were written where several share a frame, first or not", async () => {
    const texts = [BIG, "{no JSON", '"a,\\n"', ""];
    const frame = `\0\0\0\u0004[${texts.join(",\n")}]`;
    expect(
      await itemsOf(
        streamOf([
          ["item", "1"],
          ["items", frame],
          ["item", "2"],
        ]),
      ),
    ).toEqual(["1", ...texts, "2"]);
    const good = `\0\0\0\u0002[${BIG},\n2]`;
    expect(
      await itemsOf(
        streamOf([
          ["items", good],
          ["items", good],
        ]),
      ),
    ).toEqual([BIG, "2", BIG, "2"]);
    const wrong = streamOf([
      ["item", "1"],
      ["items", "\0\0\0\u0003[1,\n2]"],
    ]);
    await expect(itemsOf(wrong)).rejects.toMatchObject({ code: "protocol_error" });
  });

  it("come in one batch, and the error behind them in the next step", async () => {
    const failure = '{"event":"error","comment":["boom"]}';
    const stream = streamOf([
      ["item", "1"],
      ["item", "2"],
      ["annotated", failure],
    ]);
    const batches = stream.jsonBatches()[Symbol.asyncIterator]();
    expect(await batches.next()).toEqual({ done: false, value: ["1", "2"] });
    await expect(batches.next()).rejects.toMatchObject({ code: "handler_failed" });
    expect(await batches.next()).toEqual({ done: true, value: undefined });
  });
});
