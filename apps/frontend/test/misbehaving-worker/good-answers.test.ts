import { describe, expect, test } from "vitest";
import { chunksOf, parseSse } from "../support/sse.ts";
import { WAYS } from "./support/failing.ts";
import { success } from "./support/outcome.ts";
import { Scene } from "./support/scene.ts";
import type { Script } from "./support/scripted-worker.ts";
import {
  acknowledge,
  begin,
  body,
  chunk,
  close,
  dial,
  drip,
  end,
  final,
  handshake,
  header,
  item,
  prologue,
  send,
  sendAtOnce,
  sentinel,
  threeChunks,
} from "./support/steps.ts";
import { text } from "../support/chunks.ts";

const begun = [...begin, send(...threeChunks)];
const response = [handshake, prologue, ...threeChunks, final, sentinel];
const annotation = item({ event: "my_event", comment: ['{"x":1}'] });

const CASES: { name: string; script: Script }[] = [
  {
    name: "3c: a prologue without an error field",
    script: [acknowledge, dial, send(handshake, header({}), ...threeChunks), end],
  },
  { name: "8a: no sentinel, and it stays open (1.6.1 hangs)", script: [...begun, send(final)] },
  { name: "8b: no sentinel, and it closes", script: [...begun, send(final), close] },
  {
    name: "14b: an empty frame among the chunks",
    script: [...begin, send(chunk("a"), body(""), chunk("b"), body(""), chunk("c")), end],
  },
  {
    name: "14e: the mark of completion on the last chunk",
    script: [
      ...begin,
      send(chunk("a"), chunk("b")),
      send(body(JSON.stringify({ data: { data: text("c") }, complete_final: true })), sentinel),
    ],
  },
  { name: "14i: an annotation first", script: [...begin, send(annotation, ...threeChunks), end] },
  { name: "14i: an annotation in the middle", script: [...begun, send(annotation), end] },
  {
    name: "B3: an error field on an item that is no error",
    script: [...begin, send(item({ data: text("abc"), error: { error_type: "Unknown" } })), end],
  },
  { name: "16: all in one write", script: [acknowledge, dial, sendAtOnce(...response)] },
  { name: "16: a write for every byte", script: [acknowledge, dial, drip(...response)] },
];

for (const { name, script } of CASES) {
  describe.concurrent(name, () => {
    test.for(WAYS)("$way, is a good answer, time and again", async ({ stream }) => {
      await using scene = await Scene.start();
      const worker = await scene.scripted(script);
      for (let index = 0; index < 2; index += 1) {
        expect(await scene.ask(stream)).toEqual(success("abc"));
        await scene.rest();
      }
      expect(worker.accepted).toBe(1);
    });

    test.for(WAYS)("$way, lets the worker keep its turn beside a healthy one", async ({ stream }) => {
      await using scene = await Scene.start();
      await scene.scripted(script);
      await scene.healthy();
      for (const content of ["abc", "healthy", "abc"])
        expect(await scene.ask(stream)).toEqual(success(content));
    });
  });
}

test("14i: an annotation is an event of its own", async () => {
  await using scene = await Scene.start();
  await scene.scripted([...begin, send(chunk("a"), annotation, chunk("b")), end]);
  const { body: events } = await scene.answer(true);
  expect(chunksOf(events)).toEqual([text("a"), text("b")]);
  expect(parseSse(events)[1]).toEqual({ name: "my_event", comments: ['{"x":1}'], data: undefined });
});

const exact = '{"id":18446744073709551615,"x":1.0,"choices":[{"index":0,"delta":{"content":"a\\n"}}]}';
const pretty = exact.replaceAll(/([{,])/g, "$1\r\n  ");

test.for([
  { name: "as it was written", frame: `{"data":{"data":${exact}},"complete_final":false}`, data: exact },
  {
    name: "on one line",
    frame: `{"data":{"data":${pretty}},"complete_final":false}`,
    data: pretty.replaceAll("\r\n", " "),
  },
  { name: "with its numbers", frame: `{ "data": { "data": ${pretty} } }`, data: exact },
  { name: "beside a comment", frame: `{"data":{"data":${pretty},"comment":["c"]}}`, data: exact },
])("a chunk arrives $name", async ({ frame: text, data }) => {
  await using scene = await Scene.start();
  await scene.scripted([...begin, send(chunk("a"), body(text), body(text)), end]);
  const events = parseSse((await scene.answer(true)).body);
  expect(events.slice(1, 3).map((event) => event.data)).toEqual([data, data]);
});

test("14j: without a finish_reason a whole answer has null", async () => {
  await using scene = await Scene.start();
  await scene.scripted([
    ...begin,
    send(item({ data: { id: "1", choices: [{ index: 0, delta: { content: "a" } }] } })),
    end,
  ]);
  expect(JSON.parse((await scene.answer(false)).body)).toMatchObject({
    choices: [{ index: 0, message: { content: "a" }, finish_reason: null }],
  });
  expect(await scene.ask(true)).toEqual(success("a"));
});

describe("17: one large chunk", () => {
  test.for(WAYS.flatMap((way) => [1, 20].map((mib) => ({ ...way, mib }))))(
    "of $mib MiB, $way",
    async ({ stream, mib }) => {
      const large = "x".repeat(mib * 1024 * 1024);
      await using scene = await Scene.start();
      await scene.scripted([...begin, send(chunk(large)), end]);
      const { content, ...rest } = await scene.ask(stream);
      expect(rest).toEqual({ status: 200, error: undefined });
      // Without printing it when it differs.
      expect(content === large).toBe(true);
    },
  );
});
