import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { RequestPlaneError } from "../src/errors.ts";
import type { ResponseBuffer } from "../src/response-buffer.ts";
import { END, WAIT } from "../src/response-reader.ts";
import type { ResponseReader } from "../src/response-reader.ts";
import { ResponseStream } from "../src/response-stream.ts";
import type { Timeouts } from "../src/timeouts.ts";
import { until } from "@dynamo/test-support";
import { nextOf, reading } from "./support/reading.ts";
import type { Reading } from "./support/reading.ts";

const FINAL = '{"complete_final":true}';

interface Scene extends Reading<number> {
  readonly closings: readonly (RequestPlaneError | undefined)[];
  readonly words: string[];
}

function scene(timeouts: Partial<Timeouts> = {}): Scene {
  const made = reading<number>(100_000, timeouts);
  const words: string[] = [];
  const note = (word: string) => (): void => void words.push(word);
  const control = { stop: note("stop"), kill: note("kill"), pause: note("pause"), resume: note("resume") };
  made.buffer.connected(control);
  return { ...made, closings: made.asker.closings, words };
}

function push(buffer: ResponseBuffer, ...frames: (number | string)[]): void {
  for (const frame of frames) {
    const text = typeof frame === "string" ? frame : `{"data":{"data":${frame}},"complete_final":false}`;
    buffer.frame(Buffer.from(text), 0, Buffer.byteLength(text), "wrapped");
  }
}

async function rest(reader: ResponseReader<number>): Promise<unknown[]> {
  const items: unknown[] = [];
  for (;;) {
    const item = await nextOf(reader);
    if (item === END) return items;
    items.push(item.data);
  }
}

async function failureOf(promise: Promise<unknown>): Promise<RequestPlaneError> {
  return promise.then(
    () => Promise.reject(new Error("Expected a failure")),
    (error: unknown) => error as RequestPlaneError,
  );
}

describe("a response that is whole", () => {
  it("ends cleanly with the mark and the end of the connection, and is closed once", async () => {
    const { buffer, asker, reader, closings } = scene();
    buffer.opened();
    push(buffer, 1, 2, FINAL);
    buffer.ended();
    await asker.open(reader, Promise.resolve());
    expect(await rest(reader)).toEqual([1, 2]);
    expect(reader.take()).toBe(END);
    reader.cancel(new RequestPlaneError("cancelled", "late"));
    expect(reader.take()).toBe(END);
    expect(closings).toEqual([undefined]);
  });

  it("may have been cut off by the peer after the mark", async () => {
    const { buffer, reader } = scene();
    buffer.opened();
    push(buffer, 1, FINAL);
    buffer.failed(new RequestPlaneError("disconnected", "lost"));
    expect(await rest(reader)).toEqual([1]);
  });

  it("waits for items that are still to come", async () => {
    const { buffer, asker, reader } = scene();
    buffer.opened();
    push(buffer, 1);
    await asker.open(reader, Promise.resolve());
    expect(await nextOf(reader)).toEqual({ data: 1 });
    expect(reader.take()).toBe(WAIT);
    const next = rest(reader);
    push(buffer, 2);
    await sleep(1);
    push(buffer, 3, FINAL);
    buffer.ended();
    expect(await next).toEqual([2, 3]);
  });
});

describe("a response that is not whole", () => {
  it("is disconnected when it ends without the mark, after the items that came", async () => {
    const { buffer, reader, closings } = scene();
    buffer.opened();
    push(buffer, 1);
    buffer.ended();
    expect(await nextOf(reader)).toEqual({ data: 1 });
    expect(await failureOf(nextOf(reader))).toMatchObject({
      code: "disconnected",
      message: "Stream ended before generation completed",
    });
    expect(closings.map((error) => error?.code)).toEqual(["disconnected"]);
  });

  it("ends cleanly without the mark only after a stop of the caller", async () => {
    const { buffer, reader, words } = scene();
    buffer.opened();
    push(buffer, 1);
    reader.stop();
    buffer.ended();
    expect(await rest(reader)).toEqual([1]);
    expect(words).toContain("stop");
  });

  it.each([
    ["{", "protocol_error"],
    ["7", "protocol_error"],
    ['{"complete_final":false}', "protocol_error"],
    ['{"data":{"event":"error","comment":["a","b"]},"complete_final":false}', "handler_failed"],
    [
      '{"data":{"event":"error","error":{"error_type":"InvalidArgument","message":"m"}},"complete_final":false}',
      "invalid_argument",
    ],
  ])("ends with the frame %s, whatever comes behind it, and kills the worker", async (frame, code) => {
    const { buffer, reader, words } = scene();
    buffer.opened();
    push(buffer, frame, 1, FINAL);
    expect((await failureOf(nextOf(reader))).code).toBe(code);
    expect(reader.take()).toBe(END);
    expect(words).toEqual(["kill"]);
  });

  it("that has data behind the mark is a protocol error", async () => {
    const { buffer, reader } = scene();
    buffer.opened();
    push(buffer, FINAL, 1);
    expect((await failureOf(nextOf(reader))).code).toBe("protocol_error");
  });
});

describe("opening", () => {
  it("fails with what the delivery fails with", async () => {
    const { asker, reader, closings } = scene();
    const refused = new RequestPlaneError("overloaded", "full");
    expect(await failureOf(asker.open(reader, Promise.reject(refused)))).toBe(refused);
    expect(closings).toEqual([refused]);
  });

  it("goes on when the delivery fails although the worker has begun", async () => {
    const { buffer, asker, reader } = scene();
    buffer.opened();
    const opening = asker.open(reader, Promise.reject(new RequestPlaneError("deadline_exceeded", "late")));
    await sleep(1);
    push(buffer, 1, FINAL);
    buffer.ended();
    await opening;
    expect(await rest(reader)).toEqual([1]);
  });

  it("does not count the time before the acknowledgement as time to establish", async () => {
    const { asker, reader } = scene({ establishMs: 50 });
    const delivery = Promise.withResolvers<undefined>();
    let settled = false;
    const opening = failureOf(asker.open(reader, delivery.promise)).finally(() => (settled = true));
    await sleep(120);
    expect(settled).toBe(false);
    delivery.resolve(undefined);
    expect((await opening).facts).toMatchObject({ phase: "establish", limit: 50 });
  });
});

describe("cancelling", () => {
  it("wakes who waits, with the error", async () => {
    const { buffer, reader } = scene();
    buffer.opened();
    const next = failureOf(nextOf(reader));
    const cancelled = new RequestPlaneError("cancelled", "enough");
    reader.cancel(cancelled);
    expect(await next).toBe(cancelled);
  });

  it("while nobody waits is told at the next take, and never looks like a whole response", () => {
    const { buffer, reader, words } = scene();
    buffer.opened();
    push(buffer, 1, 2);
    expect(reader.take()).toEqual({ data: 1 });
    const cancelled = new RequestPlaneError("cancelled", "enough");
    reader.cancel(cancelled);
    expect(() => reader.take()).toThrow(cancelled);
    expect(reader.take()).toBe(END);
    expect(words).toEqual(["kill"]);
  });
});

describe("a response stream", () => {
  it("left in the middle kills the worker and drops what has come", async () => {
    const { buffer, reader, words, closings } = scene();
    buffer.opened();
    push(buffer, 1, 2, 3);
    const stream = new ResponseStream("id", 1n, reader);
    for await (const item of stream) if (item === 2) break;
    expect(words).toEqual(["kill"]);
    expect(closings.map((error) => error?.code)).toEqual(["cancelled"]);
    await until("nothing is kept", () => buffer.isEmpty);
  });
});
