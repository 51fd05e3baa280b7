import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RequestPlaneError } from "../src/errors.ts";
import { END } from "../src/response-reader.ts";
import type { FrameForm, ReceivedForm } from "../src/response-plane.ts";
import { nextOf, reading } from "./support/reading.ts";

interface Sent {
  readonly text: string;
  readonly form: ReceivedForm;
}

const FINAL: Sent = { text: '{"complete_final":true}', form: "wrapped" };

/** What a reader makes of frames: all are here when it begins to read, or each comes when it waits. */
async function outcome(frames: readonly Sent[], arrival: "together" | "one by one"): Promise<unknown[]> {
  const { buffer, asker, reader } = reading<unknown>(10_000_000, {});
  const push = ({ text, form }: Sent): void => {
    const bytes = Buffer.from(text);
    buffer.frame(bytes, 0, bytes.length, form);
  };
  buffer.opened();
  const coming = [...frames, FINAL];
  if (arrival === "together") for (const frame of coming.splice(0)) push(frame);
  else push(coming.shift() ?? FINAL);
  if (coming.length === 0) buffer.ended();
  const items: unknown[] = [];
  try {
    await asker.open(reader, Promise.resolve());
    for (;;) {
      if (coming.length === 0) buffer.ended();
      const item = await nextOf(reader);
      if (item === END) return items;
      items.push(item);
      const next = coming.shift();
      if (next) push(next);
    }
  } catch (error) {
    return [...items, RequestPlaneError.from(error).code];
  }
}

function item(json: string, form: FrameForm = "item"): Sent {
  if (form === "wrapped") return { text: `{"data":{"data":${json}},"complete_final":false}`, form };
  return { text: form === "annotated" ? `{"data":${json},"id":"a"}` : json, form };
}

/** Items that follow each other in frames of several, as on HTTP. */
function packed(frames: readonly Sent[]): Sent[] {
  const sent: Sent[] = [];
  for (let at = 0; at < frames.length;) {
    const next = frames.slice(at).findIndex(({ form, text }) => form !== "item" || text.includes("\n"));
    const items = frames.slice(at, next < 0 ? undefined : at + next);
    if (items.length > 0) sent.push(itemsFrame(items.map(({ text }) => text)));
    else sent.push(frames[at]!);
    at += Math.max(items.length, 1);
  }
  return sent;
}

function itemsFrame(texts: readonly string[]): Sent {
  // All of these counts are ASCII.
  return { text: `\0\0\0${String.fromCharCode(texts.length)}[${texts.join(",\n")}]`, form: "items" };
}

const json = fc.oneof(
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
  fc.constantFrom("12345678901234567890", '{"id":18446744073709551615}', " 1 ", `"${"é".repeat(3_000)}"`),
);
const form = fc.constantFrom<FrameForm>("item", "item", "item", "wrapped", "wrapped", "annotated");
const good = fc.tuple(json, form).map(([text, of]) => item(text, of));
const bad = fc
  .tuple(fc.constantFrom("", "[1", "2]", "{", '1,"id":"b"', "\ufeff1", "01", "nul"), form)
  .map(([text, of]) => item(text, of));
const frames = fc.oneof(
  { weight: 3, arbitrary: fc.array(good, { maxLength: 100 }) },
  { weight: 1, arbitrary: fc.array(fc.oneof({ weight: 20, arbitrary: good }, bad), { maxLength: 100 }) },
);

describe("items that are here together", () => {
  it("are those that come one by one, and end in the same error", async () => {
    await fc.assert(
      fc.asyncProperty(frames, async (sent) => {
        expect(await outcome(sent, "together")).toEqual(await outcome(sent, "one by one"));
      }),
    );
  });

  it("in frames of several, too", async () => {
    await fc.assert(
      fc.asyncProperty(frames, fc.constantFrom("together", "one by one"), async (sent, arrival) => {
        expect(await outcome(packed(sent), arrival)).toEqual(await outcome(sent, "one by one"));
      }),
    );
  });

  it.each([
    ["made of halves", ["[1", "2]"]],
    ["two of one", ["1,2", "3"]],
  ])("are not %s", async (_what, texts) => {
    const sent = ["0", ...texts, "4"].map((text) => item(text));
    expect(await outcome(sent, "together")).toEqual([{ data: 0 }, "protocol_error"]);
  });
});
