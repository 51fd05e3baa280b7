import { afterEach, describe, expect, it } from "vitest";
import { AnnotatedItem } from "../src/annotated.ts";
import type { Annotated } from "../src/annotated.ts";
import { CallHomeConnector } from "../src/call-home/connector.ts";
import { EncodedItem } from "../src/payload-codec.ts";
import { FINAL_BODY, KILL_FRAME, SENTINEL_FRAME, STOP_FRAME } from "../src/wire/response-frames.ts";
import { encodeTwoPartHead } from "../src/wire/two-part.ts";
import { recordedResponses } from "./fixtures/recorded.ts";
import type { RecordedResponse } from "./fixtures/recorded.ts";
import { framesOf } from "./support/two-part-frames.ts";
import { ScriptedCaller } from "./support/scripted-caller.ts";
import { until } from "@dynamo/test-support";
import { endpointWorker, requestTo } from "./support/worker.ts";

const ofJson = recordedResponses().filter(({ dynamo }) => dynamo === "0.7.1");
const ofMsgpack = recordedResponses().filter(({ dynamo }) => dynamo === "1.6.1");

describe("a worker of ours that yields what the worker of 0.7.1 yielded", () => {
  const connector = new CallHomeConnector();
  afterEach(() => expect(connector.size).toBe(0));

  it.each(ofJson.filter(({ case: what }) => !/fail|drop/.test(what)))(
    "writes the same bytes: $name",
    async (recorded) => {
      const caller = await ScriptedCaller.listen();
      const worker = endpointWorker(connector, async function* () {
        yield* itemsOf(recorded);
      });
      expect(worker.accept(requestTo(caller, recorded))).toBeUndefined();
      await until("the sentinel came", () =>
        caller.received.subarray(-10).equals(SENTINEL_FRAME.subarray(-10)),
      );
      expect(caller.openConnections).toBe(1);
      caller.finish();
      await until("the worker is done", () => worker.inFlight === 0 && caller.openConnections === 0);
      expect(caller.received.toString("hex")).toBe(recorded.dialer.toString("hex"));
    },
  );

  it.each(ofJson.filter(({ case: what }) => what.includes("fail")))(
    "writes the same bytes around its error, which has the same event and comment: $name",
    async (recorded) => {
      const caller = await ScriptedCaller.listen();
      const items = itemsOf(recorded);
      const worker = endpointWorker(connector, async function* () {
        yield* items.slice(0, -1);
        throw new Error(items.at(-1)!.envelope.comment![0]);
      });
      expect(worker.accept(requestTo(caller, recorded))).toBeUndefined();
      await until("the sentinel came", () =>
        caller.received.subarray(-10).equals(SENTINEL_FRAME.subarray(-10)),
      );
      caller.finish();
      await until("the worker is done", () => worker.inFlight === 0);
      const [theirs, ours] = [recorded.dialer, caller.received].map((bytes) => framesOf([bytes]));
      const at = theirs!.length - 3;
      expect(ours!.toSpliced(at, 1)).toEqual(theirs!.toSpliced(at, 1));
      const { error, ...rest } = itemOf(ours![at]!.body);
      expect(rest).toEqual(itemOf(theirs![at]!.body));
      expect(error).toMatchObject({ error_type: "Unknown", message: rest.comment![0] });
    },
  );

  it("sends text that is JSON already as it is", async () => {
    const caller = await ScriptedCaller.listen();
    const texts = ['{"id": 18446744073709551615}', "1.0"];
    const worker = endpointWorker(connector, () => texts.map((text) => new EncodedItem(text)));
    expect(worker.accept(requestTo(caller, ofJson[0]!))).toBeUndefined();
    await until("the sentinel came", () => caller.received.includes('"sentinel"'));
    caller.finish();
    await until("the worker is done", () => worker.inFlight === 0);
    for (const text of texts)
      expect(caller.received.toString()).toContain(`{"data":{"data":${text}},"complete_final":false}`);
  });

  it("writes the same bytes until its caller resets the connection, and stops", async () => {
    const recorded = ofJson.find(({ case: what }) => what.includes("drop"))!;
    const caller = await ScriptedCaller.listen();
    let killed = false;
    const worker = endpointWorker(connector, async function* (_request, { signal }) {
      yield* itemsOf(recorded);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      killed = true;
    });
    expect(worker.accept(requestTo(caller, recorded))).toBeUndefined();
    await until("all came", () => caller.received.length >= recorded.dialer.length);
    caller.reset();
    await until("the worker is done", () => worker.inFlight === 0);
    expect(killed).toBe(true);
    expect(caller.received.toString("hex")).toBe(recorded.dialer.toString("hex"));
  });
});

describe("a worker of ours under control of its caller", () => {
  const connector = new CallHomeConnector();
  afterEach(() => expect(connector.size).toBe(0));

  const recorded = ofJson[0]!;

  async function underWay() {
    const caller = await ScriptedCaller.listen();
    const seen: string[] = [];
    const worker = endpointWorker(connector, async function* (_request, context) {
      yield "first";
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      seen.push(context.isKilled ? "killed" : "stopped");
      yield "last";
    });
    expect(worker.accept(requestTo(caller, recorded))).toBeUndefined();
    await until("the first item came", () => caller.received.includes('"first"'));
    return { caller, worker, seen };
  }

  it("is stopped by the recorded form of stop and still ends with complete_final and sentinel", async () => {
    const { caller, worker, seen } = await underWay();
    caller.send(STOP_FRAME);
    await until("the sentinel came", () => caller.received.includes('"sentinel"'));
    caller.finish();
    await until("the worker is done", () => worker.inFlight === 0);
    expect(seen).toEqual(["stopped"]);
    expect(
      framesOf([caller.received])
        .slice(-3)
        .map(({ header, body }) => header + body),
    ).toEqual(['{"data":{"data":"last"},"complete_final":false}', FINAL_BODY, '"sentinel"']);
  });

  it.each([
    ["kill", KILL_FRAME],
    ["a control value that doesn't exist", encodeTwoPartHead('"pause"', 0)],
    ["a data frame", Buffer.concat([encodeTwoPartHead("", 2), Buffer.from("hi")])],
    ["a frame of 4 GiB", Buffer.from("00000000000000000000000100000000" + "00".repeat(8), "hex")],
    ["bytes that are no frame", Buffer.from("GET / HTTP/1.1\r\nhost: worker\r\n\r\n")],
  ])("is killed by %s and says nothing more", async (_what, bytes) => {
    const { caller, worker, seen } = await underWay();
    caller.send(bytes);
    await until("the worker is done", () => worker.inFlight === 0 && caller.openConnections === 0);
    expect(seen).toEqual(["killed"]);
    expect(caller.received.includes('complete_final":true')).toBe(false);
    expect(caller.received.includes("sentinel")).toBe(false);
  });

  it.each(ofMsgpack)(
    "refuses a msgpack payload in its prologue, with a known type: $name",
    async (request) => {
      const caller = await ScriptedCaller.listen();
      const worker = endpointWorker(connector, () => []);
      expect(worker.accept(requestTo(caller, request))).toBeUndefined();
      await until(
        "the worker has closed",
        () => caller.received.length > 0 && framesOf([caller.received]).length === 2,
      );
      caller.finish();
      await until("the worker is done", () => worker.inFlight === 0);
      expect(JSON.parse(framesOf([caller.received])[1]!.header)).toMatchObject({
        error: expect.stringContaining("msgpack") as string,
        typed_error: { error_type: "InvalidArgument" },
      });
    },
  );
});

/** What the worker yielded: plain values and, where it set more than data, whole envelopes. */
function itemsOf({ dialer }: RecordedResponse): AnnotatedItem<unknown>[] {
  return framesOf([dialer])
    .filter(({ body }) => body !== "" && body !== FINAL_BODY)
    .map(({ body }) => new AnnotatedItem(itemOf(body)));
}

function itemOf(body: string): Annotated<unknown> {
  return (JSON.parse(body) as { data: Annotated<unknown> }).data;
}
