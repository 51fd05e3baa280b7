import { describe, expect, test, vi } from "vitest";
import { failsAlone, failsBesideHealthy, WAYS } from "./support/failing.ts";
import type { Failing } from "./support/failing.ts";
import { Scene, SHORT_MS } from "./support/scene.ts";
import {
  begin,
  body,
  chunk,
  close,
  end,
  errorItem,
  final,
  frame,
  header,
  item,
  reset,
  send,
  sentinel,
  threeChunks,
} from "./support/steps.ts";
import { until } from "@dynamo/test-support";

// These tests wait more than they work.
vi.setConfig({ maxConcurrency: 12 });

const boom = { error_type: "Unknown", message: "boom" };
const begun = [...begin, send(...threeChunks)];
const mangledSentinel = [...begun, send(frame('"sentinel"', '{"complete_final":true}'))];
const stopFromWorker = [...begun, send(header("stop"))];

const CASES: Failing[] = [
  {
    name: "5n: an error item; 500",
    script: [...begun, send(errorItem(boom), chunk("late")), end],
    status: 500,
    isFinal: true,
  },
  {
    name: "5o: an old error item; 500",
    script: [...begun, send(item({ event: "error", comment: ["boom"] }), chunk("late")), end],
    status: 500,
    isFinal: true,
  },
  {
    name: "19: an error item of both kinds; 500",
    script: [...begun, send(item({ event: "error", comment: ["boom"], error: boom }), chunk("late")), end],
    status: 500,
    isFinal: true,
  },
  {
    name: "5x: an error item and no mark of completion; 500",
    script: [...begun, send(errorItem(boom), sentinel)],
    status: 500,
    isFinal: true,
  },
  { name: "6: closes; 503", script: [...begun, close], status: 503 },
  { name: "7: resets; 503", script: [...begun, reset], status: 503 },
  { name: "9: a sentinel and no mark of completion; 503", script: [...begun, send(sentinel)], status: 503 },
  {
    name: "13: stalls; 504 (1.6.1 hangs)",
    script: begun,
    limits: { betweenItems: SHORT_MS },
    status: 504,
  },
  { name: "14: not JSON; 500", script: [...begun, send(body("not JSON")), end], status: 500 },
  { name: "14c: no data; 500", script: [...begun, send(body('{"complete_final":false}')), end], status: 500 },
  {
    name: "14d: data that is no chunk; 500",
    script: [...begun, send(item({ data: { no: "chunk" } }), chunk("late")), end],
    status: 500,
    isFinal: true,
  },
  {
    name: "14f: data after the mark of completion; 500",
    script: [...begun, send(final, chunk("late"), sentinel)],
    status: 500,
  },
  { name: "14g: a sentinel with data; 500 (1.6.1: 503)", script: mangledSentinel, status: 500 },
  { name: "14h: a stop from the worker; 500 (1.6.1: 503)", script: stopFromWorker, status: 500 },
].map((failing) => ({ ...failing, content: "abc" }));

for (const failing of CASES) {
  describe.concurrent(`after three chunks, ${failing.name}`, () => {
    test.for(WAYS)("$way, alone", ({ stream }) => failsAlone(failing, stream));
    test.for(WAYS)("$way, beside a healthy worker", ({ stream }) => failsBesideHealthy(failing, stream));
  });
}

describe.concurrent("a worker that goes on after the failure is told to stop:", () => {
  test.for([
    { name: "13: after a stall", script: begun },
    { name: "14: after a body that is not JSON", script: [...begun, send(body("not JSON"))] },
    { name: "14d: after data that is no chunk", script: [...begun, send(item({ data: { no: "chunk" } }))] },
    { name: "14g: after a sentinel with data", script: mangledSentinel },
    { name: "14h: after its own stop", script: stopFromWorker },
  ])("$name", async ({ script }) => {
    await using scene = await Scene.start({ betweenItems: SHORT_MS });
    const worker = await scene.scripted(script);
    expect((await scene.ask(true)).content).toBe("abc");
    await until("it is killed", () => worker.exchanges[0]!.controls.includes('"kill"'));
    await until("it is closed", () => worker.responses === 0);
  });
});
