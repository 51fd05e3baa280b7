import { describe, expect, test, vi } from "vitest";
import { until } from "@dynamo/test-support";
import { askUntilRecovered, failsAlone, failsBesideHealthy, WAYS } from "./support/failing.ts";
import type { Failing } from "./support/failing.ts";
import { failure, success } from "./support/outcome.ts";
import { Scene, SHORT_MS } from "./support/scene.ts";
import {
  acknowledge,
  begin,
  body,
  close,
  dial,
  end,
  errorItem,
  handshake,
  hangUp,
  header,
  hold,
  item,
  recover,
  refuse,
  reset,
  send,
  sentinel,
} from "./support/steps.ts";

// These tests wait more than they work.
vi.setConfig({ maxConcurrency: 12 });

const overloaded = "Server overloaded: worker at capacity";
const invalid = { error_type: "InvalidArgument", message: "boom" };

const CASES: Failing[] = [
  {
    name: "1: acknowledges and never dials; 504 (1.6.1 hangs)",
    script: [acknowledge],
    limits: { establish: SHORT_MS },
    status: 504,
  },
  {
    name: "1b: neither acknowledges nor dials; 504",
    script: [],
    limits: { acknowledge: SHORT_MS },
    status: 504,
  },
  { name: "1c: closes instead of acknowledging; 503", script: [hangUp], status: 503 },
  {
    name: "2a: dials and closes without a handshake; 504 (1.6.1 hangs)",
    script: [acknowledge, dial, close],
    limits: { establish: SHORT_MS },
    status: 504,
  },
  {
    name: "2b: closes after the handshake; 503",
    script: [acknowledge, dial, send(handshake), close],
    status: 503,
  },
  {
    name: "2b: resets after the handshake; 503",
    script: [acknowledge, dial, send(handshake), reset],
    status: 503,
  },
  {
    name: "3: an error as prologue; 503",
    script: [acknowledge, dial, send(handshake, header({ error: "boom" }))],
    status: 503,
  },
  {
    name: "3b: a prologue that is none; 500 (1.6.1: 503)",
    script: [acknowledge, dial, send(handshake, header("hello"))],
    status: 500,
  },
  {
    name: "3d: a typed InvalidArgument as prologue; 400",
    script: [acknowledge, dial, send(handshake, header({ error: "boom", typed_error: invalid }))],
    status: 400,
    isFinal: true,
  },
  {
    name: "3d: a typed InvalidArgument with words for clients as prologue; 400 with them",
    script: [
      acknowledge,
      dial,
      send(
        handshake,
        header({
          error: "boom",
          typed_error: { ...invalid, public: { type: "message", message: "Too long" } },
        }),
      ),
    ],
    status: 400,
    details: { message: "Too long" },
    isFinal: true,
  },
  {
    name: "3d: a typed ResourceExhausted as prologue; 529 (1.6.1: 503)",
    script: [
      acknowledge,
      dial,
      send(handshake, header({ error: "boom", typed_error: { error_type: "ResourceExhausted" } })),
    ],
    status: 529,
  },
  {
    name: "3e: an empty error as prologue; 503",
    script: [acknowledge, dial, send(handshake, header({ error: "" }))],
    status: 503,
  },
  {
    name: "4n: an error item first; 500 (1.6.1 streams: 200 and an error event)",
    script: [...begin, send(errorItem({ error_type: "Unknown", message: "boom" })), end],
    status: 500,
    isFinal: true,
  },
  {
    name: "4o: an old error item first; 500 (1.6.1 streams: 200 and an error event)",
    script: [...begin, send(item({ event: "error", comment: ["boom"] })), end],
    status: 500,
    isFinal: true,
  },
  {
    name: "19: an error item of both kinds first; 500 (1.6.1 streams: 200 and an error event)",
    script: [
      ...begin,
      send(item({ event: "error", comment: ["boom"], error: { error_type: "Unknown", message: "boom" } })),
      end,
    ],
    status: 500,
    isFinal: true,
  },
  {
    name: "5x: an error item first and no mark of completion; 500",
    script: [...begin, send(errorItem({ error_type: "Unknown" }), sentinel)],
    status: 500,
    isFinal: true,
  },
  { name: "6: closes before the first item; 503", script: [...begin, close], status: 503 },
  { name: "7: resets before the first item; 503", script: [...begin, reset], status: 503 },
  { name: "9: only a sentinel; 503", script: [...begin, send(sentinel)], status: 503 },
  { name: "10: is overloaded; 529", script: [refuse(overloaded)], status: 529 },
  {
    name: "11: knows no such endpoint, in the words of 1.5; 503 (1.6.1 hangs)",
    script: [refuse("Unknown endpoint: x")],
    status: 503,
  },
  {
    name: "11b: knows no such endpoint, in the words of 1.6; 503",
    script: [refuse("Server unavailable: unknown endpoint x")],
    status: 503,
  },
  {
    name: "13: stalls before the first item; 504 (1.6.1 hangs)",
    script: begin,
    limits: { firstItem: SHORT_MS },
    status: 504,
  },
  { name: "14: not JSON as first item; 500", script: [...begin, send(body("not JSON")), end], status: 500 },
  {
    name: "14c: no data as first item; 500",
    script: [...begin, send(body('{"complete_final":false}')), end],
    status: 500,
  },
];

for (const failing of CASES) {
  describe.concurrent(failing.name, () => {
    test.for(WAYS)("$way, alone", ({ stream }) => failsAlone(failing, stream));
    test.for(WAYS)("$way, beside a healthy worker", ({ stream }) => failsBesideHealthy(failing, stream));
  });
}

describe.concurrent.for(WAYS)("12: a worker that is gone while its record stays, $way", ({ stream }) => {
  test("alone: 503 each time, and an answer as soon as it is back", async () => {
    await using scene = await Scene.start();
    const worker = await scene.scripted(recover);
    await worker.stop();
    for (let index = 0; index < 3; index += 1) expect(await scene.ask(stream)).toEqual(failure(503));
    await worker.start();
    expect(await scene.ask(stream)).toEqual(success("recovered"));
  });

  test("beside a healthy worker: no client notices, and it is taken back", async () => {
    await using scene = await Scene.start();
    const worker = await scene.scripted(recover);
    await scene.healthy();
    await worker.stop();
    for (let index = 0; index < 10; index += 1) expect(await scene.ask(stream)).toEqual(success("healthy"));
    await worker.start();
    await askUntilRecovered(scene, stream);
    expect(worker.exchanges.length).toBe(1);
  });
});

describe.concurrent.for(WAYS)("two workers that fail, $way:", ({ stream }) => {
  test("both are asked, each time, and the first that is well again answers", async () => {
    await using scene = await Scene.start();
    const fails = [...begin, close];
    const first = await scene.scripted(fails);
    const second = await scene.scripted(fails, fails, recover);
    for (let index = 0; index < 2; index += 1) expect(await scene.ask(stream)).toEqual(failure(503));
    expect([first.exchanges.length, second.exchanges.length]).toEqual([2, 2]);
    expect(await scene.ask(stream)).toEqual(success("recovered"));
  });
});

describe.concurrent.for(WAYS)("what comes too late for a request, $way:", ({ stream }) => {
  test.for([
    { name: "1: the response to one given up", first: acknowledge, status: 504 },
    { name: "10: the response to one refused", first: refuse(overloaded), status: 529 },
  ])("$name is turned away", async ({ first, status }) => {
    const given = Promise.withResolvers<undefined>();
    const late = [first, hold(given.promise), dial, send(handshake)];
    await using scene = await Scene.start({ establish: SHORT_MS });
    const worker = await scene.scripted(late, recover);
    expect(await scene.ask(stream)).toEqual(failure(status));
    given.resolve(undefined);
    await until("it is killed", () => worker.exchanges[0]!.controls.includes('"kill"'));
    await until("it is closed", () => worker.responses === 0);
    expect(await scene.ask(stream)).toEqual(success("recovered"));
  });

  test("1b: an acknowledgement doesn't count for the next one", async () => {
    const next = Promise.withResolvers<undefined>();
    await using scene = await Scene.start({ acknowledge: SHORT_MS });
    const worker = await scene.scripted(
      [hold(next.promise), acknowledge],
      [() => next.resolve(undefined), ...recover],
    );
    expect(await scene.ask(stream)).toEqual(failure(504));
    for (let index = 0; index < 4; index += 1) {
      expect(await scene.ask(stream)).toEqual(success("recovered"));
      expect(worker.accepted).toBe(2);
    }
  });
});
