import { describe, expect, it } from "vitest";
import { atRandom, byteByByte, seededBelow } from "@dynamo/test-support";
import { decodeCallHomeInfo, encodeCallHomeInfo } from "../src/call-home/connection-info.ts";
import { FrameBatch } from "../src/call-home/frame-batch.ts";
import { decodeControlMessage, encodeControlMessage } from "../src/wire/control-message.ts";
import {
  decodeControl,
  decodeHandshake,
  decodePrologue,
  encodeHandshake,
  encodePrologue,
  FINAL_BODY,
  KILL_FRAME,
  SENTINEL,
  SENTINEL_FRAME,
  STOP_FRAME,
} from "../src/wire/response-frames.ts";
import { decodeTwoPart, encodeDataOnly, encodeHeaderOnly, encodeTwoPartHead } from "../src/wire/two-part.ts";
import { Collector } from "./support/collector.ts";
import { framesOf } from "./support/two-part-frames.ts";
import { recordedResponses, vector } from "./fixtures/recorded.ts";

const responses = recordedResponses();
const ofJson = responses.filter(({ dynamo }) => dynamo === "0.7.1");

describe("recorded responses", () => {
  it("are those of both releases", () => {
    expect(ofJson).toHaveLength(8);
    expect(responses).toHaveLength(15);
  });

  describe.each(responses)("$name", ({ dynamo, case: what, header, dialer, listener }) => {
    const frames = framesOf([dialer]);
    const dropped = what === "caller_drops_stream";

    it("decodes to the same frames whole, byte by byte and cut at random 1,000 times", () => {
      expect(framesOf(byteByByte(dialer))).toEqual(frames);
      const random = seededBelow(1);
      for (let round = 0; round < 1_000; round += 1) {
        expect(framesOf(atRandom(dialer, random))).toEqual(frames);
      }
    });

    it("begins with the subject of its request and a prologue without error", () => {
      const control = decodeControlMessage(header);
      const { subject } = decodeCallHomeInfo(control.connectionInfo, control.id);
      expect(decodeHandshake(frames[0]!.header)).toEqual({ subject, streamType: "response" });
      expect(decodePrologue(frames[1]!.header)).toBeUndefined();
    });

    it("has data that is all body, and ends with complete_final and the sentinel unless it was dropped", () => {
      const data = frames.slice(2, dropped ? undefined : -1);
      expect(data.every((frame) => frame.header === "" && frame.body !== "")).toBe(true);
      if (dropped) {
        expect(data).toHaveLength(4);
        return;
      }
      expect(frames.at(-1)).toEqual({ header: SENTINEL, body: "" });
      const final = dynamo === "0.7.1" ? FINAL_BODY : vector("C10").toString("latin1", 24);
      expect(frames.at(-2)!.body).toBe(final);
    });

    it("is answered with nothing but the kill of a dropped stream", () => {
      expect(framesOf([listener]).map((frame) => decodeControl(frame.header))).toEqual(
        dropped && dynamo === "1.6.1" ? ["kill"] : [],
      );
    });

    it("comes out of the encoders byte for byte", () => {
      const batch = new FrameBatch();
      for (const frame of frames) {
        if (frame.header === "") batch.add(Buffer.from(frame.body, "latin1"), "body");
        else batch.add(frame.header, "header");
      }
      const written: Buffer[] = [];
      const stream = new Collector(written);
      batch.writeTo(stream);
      expect(Buffer.concat(written).toString("hex")).toBe(dialer.toString("hex"));
    });

    it("has a handshake and a prologue as ours", () => {
      const { subject } = decodeHandshake(frames[0]!.header);
      const ours = Buffer.concat([encodeHandshake(subject), encodePrologue()].map(encodeHeaderOnly));
      expect(dialer.toString("hex", 0, ours.length)).toBe(ours.toString("hex"));
    });
  });

  it.each([
    ["three_items", ['{"i":0,"text":"hi"}', '{"i":1,"text":"hi"}', '{"i":2,"text":"hi"}']],
    ["caller_drops_stream", [0, 1, 2, 3].map((i) => `{"i":${i},"text":""}`)],
  ])("of 0.7.1, case %s, hold the items that the worker yielded", (what, items) => {
    for (const { dialer } of ofJson.filter((response) => response.case === what)) {
      const bodies = framesOf([dialer]).map(({ body }) => body);
      const wrapped = items.map((item) => `{"data":{"data":${item}},"complete_final":false}`);
      expect(bodies.filter((body) => body !== "" && body !== FINAL_BODY)).toEqual(wrapped);
    }
  });
});

describe("recorded requests", () => {
  describe.each(responses)("$name", ({ dynamo, header, body }) => {
    const envelope = Buffer.concat([encodeTwoPartHead(header, body.length), body]);

    it("is one two-part message, whatever follows it", () => {
      const decoded = decodeTwoPart(Buffer.concat([envelope, Buffer.from("more")]));
      expect(decoded.header.toString()).toBe(header);
      expect(decoded.body).toEqual(body);
    });

    it("names its id, its codec and where to call home", () => {
      const control = decodeControlMessage(header);
      expect(control.id).toMatch(UUID);
      expect(control.payloadCodec).toBe(dynamo === "1.6.1" ? "msgpack" : undefined);
      const info = decodeCallHomeInfo(control.connectionInfo, control.id);
      expect(info.address).toMatch(/^127\.0\.0\.1:\d+$/);
      expect(info.subject).toMatch(UUID);
      expect(info.context).toBe(control.id);
      if (dynamo === "0.7.1") expect(JSON.parse(body.toString())).toBeTypeOf("object");
    });

    it("has a control message that ours repeats byte for byte", () => {
      const control = decodeControlMessage(header);
      const info = decodeCallHomeInfo(control.connectionInfo, control.id);
      expect(encodeCallHomeInfo(info)).toEqual(control.connectionInfo);
      expect(encodeControlMessage({ ...control, connectionInfo: encodeCallHomeInfo(info) })).toBe(header);
    });
  });
});

describe("vectors", () => {
  const id = "11111111-2222-4333-8444-555555555555";
  const subject = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
  const connectionInfo = encodeCallHomeInfo({ address: "10.0.0.7:45123", subject, context: id });

  it.each([
    ["T1", Buffer.concat([encodeTwoPartHead('{"a":1}', 2), Buffer.from("hi")])],
    ["T2", encodeDataOnly(Buffer.from("xyz"))],
    ["T3", envelopeOf(encodeControlMessage({ id, connectionInfo }))],
    ["T3c", envelopeOf(encodeControlMessage({ id, connectionInfo, payloadCodec: "json" }))],
    ["C1", encodeHeaderOnly(encodeHandshake(subject))],
    ["C2", encodeHeaderOnly(encodePrologue())],
    ["C4", encodeDataOnly(Buffer.from('{"data":{"data":{"text":"hi"}},"complete_final":false}'))],
    ["C5", encodeDataOnly(Buffer.from(FINAL_BODY))],
    ["C6", SENTINEL_FRAME],
    ["C7", STOP_FRAME],
    ["C8", KILL_FRAME],
  ])("%s is what the encoders write", (name, encoded) => {
    expect(encoded.toString("hex")).toBe(vector(name).toString("hex"));
  });

  it("T1d decodes like T1: the checksum of a debug build is not looked at", () => {
    expect(decodeTwoPart(vector("T1d"))).toEqual(decodeTwoPart(vector("T1")));
    expect(framesOf([vector("T1d")])).toEqual([{ header: '{"a":1}', body: "hi" }]);
  });

  it.each([
    ["T3", undefined],
    ["T3c", "json"],
  ])("%s decodes to its control message and payload", (name, payloadCodec) => {
    const { header, body } = decodeTwoPart(vector(name));
    expect(decodeControlMessage(header.toString())).toEqual({
      id,
      connectionInfo,
      ...(payloadCodec && { payloadCodec }),
    });
    expect(body.toString()).toBe('{"x":1}');
  });

  it("C3 is a refusal with its text; ours of the same text differs by its typed error only", () => {
    const [frame] = framesOf([vector("C3")]);
    const refusal = decodePrologue(frame!.header)!;
    expect(refusal).toMatchObject({ code: "unavailable", message: "boom", remote: true });
    expect(JSON.parse(encodePrologue(refusal))).toMatchObject({
      ...(JSON.parse(frame!.header) as object),
      typed_error: { message: "boom" },
    });
  });

  it("C7 and C8 decode to the control they are", () => {
    expect(framesOf([vector("C7"), vector("C8")]).map(({ header }) => decodeControl(header))).toEqual([
      "stop",
      "kill",
    ]);
  });
});

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function envelopeOf(control: string): Buffer {
  return Buffer.concat([encodeTwoPartHead(control, 7), Buffer.from('{"x":1}')]);
}
