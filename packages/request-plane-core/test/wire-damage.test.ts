/** What decoders do with damaged input: 100,000 cases, together with those of the TCP frames. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  byteByByte,
  cutAt,
  cuts,
  damaged,
  decodingWith,
  largestAllocation,
  textOf,
} from "@dynamo/test-support";
import type { Annotated } from "../src/annotated.ts";
import { errorOfItem } from "../src/annotated.ts";
import { decodeCallHomeInfo, encodeCallHomeInfo } from "../src/call-home/connection-info.ts";
import { toDynamoError } from "../src/dynamo-error.ts";
import type { ErrorCode } from "../src/errors.ts";
import { RequestPlaneError } from "../src/errors.ts";
import { END, WAIT } from "../src/response-reader.ts";
import type { ResponseReader } from "../src/response-reader.ts";
import { decodeControlMessage } from "../src/wire/control-message.ts";
import { decodeControl, decodeHandshake, decodePrologue, FINAL_BODY } from "../src/wire/response-frames.ts";
import { FrameDecoder } from "../src/wire/frame-decoder.ts";
import { decodeTwoPart, encodeTwoPartHead, measureTwoPart } from "../src/wire/two-part.ts";
import { recordedResponses, vector } from "./fixtures/recorded.ts";
import { framesOf } from "./support/two-part-frames.ts";
import { damagedJson, oddValue } from "./support/damaged-json.ts";
import { reading } from "./support/reading.ts";

const LIMIT = 4096;
const SEED = 20_260_101;
const responses = recordedResponses();
const refusal = new RequestPlaneError("overloaded", "at capacity", {
  publicDetails: { type: "rate_limit", limit: 1, remaining: 0 },
});

const decodeStream = decodingWith(FrameDecoder);

function check<T>(numRuns: number, input: fc.Arbitrary<T>, holds: (value: T) => void): void {
  fc.assert(fc.property(input, holds), { seed: SEED, numRuns });
}

/** The result, or the error; anything but a `RequestPlaneError` with one of the codes fails the test. */
function attempt<T>(codes: readonly ErrorCode[], run: () => T): T | RequestPlaneError {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof RequestPlaneError)) throw error;
    expect(codes).toContain(error.code);
    return error;
  }
}

describe("damaged streams of two-part frames", () => {
  const good = [...responses.map(({ dialer }) => dialer), vector("T1"), vector("T1d"), vector("C8")];
  const measure = measureTwoPart(LIMIT, "the test");

  it("decode alike however cut: to frames, then a rest or payload_too_large, within the limit", () => {
    const outcomes = { whole: 0, unfinished: 0, refused: 0 };
    check(24_000, fc.tuple(damaged(good), cuts), ([bytes, places]) => {
      const whole = decodeStream(measure, [bytes]);
      const allocated = largestAllocation(() => {
        expect(textOf(decodeStream(measure, cutAt(bytes, places)))).toBe(textOf(whole));
      });
      expect(allocated).toBeLessThanOrEqual(LIMIT);
      expect(whole.held).toBeLessThanOrEqual(LIMIT);
      if (whole.error) expect(whole.error.code).toBe("payload_too_large");
      outcomes[whole.error ? "refused" : whole.held > 0 ? "unfinished" : "whole"] += 1;
    });
    // The cases are of every kind.
    expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(300);
  });

  it.each([
    ["0xffffffff", 0xffff_ffffn],
    ["2^31, negative as a signed number", 0x8000_0000n],
    ["2^32", 0x1_0000_0000n],
    ["2^53 + 1", 2n ** 53n + 1n],
    ["2^63, negative as a signed number", 2n ** 63n],
    ["2^64 - 1", 2n ** 64n - 1n],
  ])(
    "with a length of %s are refused from the 24 bytes of their head, without room made for them",
    (_what, length) => {
      for (const offset of [0, 8]) {
        const head = Buffer.alloc(24);
        head.writeBigUInt64BE(length, offset);
        const allocated = largestAllocation(() => {
          const { error } = decodeStream(
            measureTwoPart(32 * 1024 * 1024, "the test"),
            cutAt(head, [1, 9, 23]),
          );
          expect(error).toMatchObject({ code: "payload_too_large", facts: { setting: "the test" } });
        });
        expect(allocated).toBe(24);
      }
    },
  );

  it("are not copied where a frame is whole, and gathered once where it is not", () => {
    const frame = Buffer.concat([encodeTwoPartHead("", 1_000), Buffer.alloc(1_000)]);
    const stream = Buffer.concat([frame, frame, frame]);
    const places: (readonly [ArrayBufferLike, number])[] = [];
    const decoder = new FrameDecoder(measure, (bytes, start) =>
      places.push([bytes.buffer, bytes.byteOffset + start]),
    );
    decoder.push(stream);
    expect(places).toEqual(
      [0, 1, 2].map((index) => [stream.buffer, stream.byteOffset + index * frame.length]),
    );
    const sizes: number[] = [];
    largestAllocation(() => byteByByte(frame).forEach((chunk) => decoder.push(chunk)), sizes);
    expect(places).toHaveLength(4);
    expect(sizes).toEqual([24, frame.length]);
  });

  it("take a frame of exactly the limit and refuse one byte more", () => {
    const frame = (bytes: number) =>
      Buffer.concat([encodeTwoPartHead("", bytes - 24), Buffer.alloc(bytes - 24)]);
    expect(decodeStream(measure, [frame(LIMIT)])).toMatchObject({ error: undefined, held: 0 });
    expect(decodeStream(measure, [frame(LIMIT + 1)]).error).toMatchObject({
      code: "payload_too_large",
      facts: { actual: LIMIT + 1, limit: LIMIT },
    });
  });
});

describe("damaged envelopes", () => {
  it("are protocol_error, or parts of the bytes that came", () => {
    const good = responses.map(({ header, body }) =>
      Buffer.concat([encodeTwoPartHead(header, body.length), body]),
    );
    check(10_000, damaged(good), (bytes) => {
      const decoded = attempt(["protocol_error"], () => decodeTwoPart(bytes));
      if (decoded instanceof RequestPlaneError) return;
      expect(decoded.header.length + decoded.body.length).toBeLessThanOrEqual(bytes.length - 24);
      attempt(["protocol_error"], () => decodeControlMessage(decoded.header.toString()));
    });
  });
});

describe("damaged JSON is protocol_error, or has the fields that were asked for", () => {
  const headers = responses.map(({ header }) => header);
  const rich = JSON.stringify({
    ...(JSON.parse(headers[0]!) as object),
    metadata: { tenant: "a" },
    frontend_send_ts_ns: 1,
  });

  it("control message", () => {
    check(10_000, damagedJson([...headers, rich]), (json) => {
      const control = attempt(["protocol_error"], () => decodeControlMessage(json));
      if (control instanceof RequestPlaneError) return;
      expect(control.id).toBeTypeOf("string");
      expect(control.connectionInfo.transport).toBeTypeOf("string");
      expect(control.connectionInfo.info).toBeTypeOf("string");
      expect(["json", "msgpack", undefined]).toContain(control.payloadCodec);
      expect(Object.values(control.metadata ?? {}).every((text) => typeof text === "string")).toBe(true);
    });
  });

  it("connection info", () => {
    const good = encodeCallHomeInfo({ address: "10.0.0.7:45123", subject: "s", context: "id" });
    check(5_000, damagedJson([good.info]), (info) => {
      const decoded = attempt(["protocol_error"], () => decodeCallHomeInfo({ ...good, info }, "id"));
      if (decoded instanceof RequestPlaneError) return;
      expect(decoded).toEqual({
        address: expect.any(String) as string,
        subject: expect.any(String) as string,
        context: "id",
      });
    });
  });

  it("handshake", () => {
    const good = responses.map(({ dialer }) => framesOf([dialer])[0]!.header);
    check(5_000, damagedJson(good), (json) => {
      const decoded = attempt(["protocol_error"], () => decodeHandshake(json));
      if (decoded instanceof RequestPlaneError) return;
      expect(decoded).toEqual({
        subject: expect.any(String) as string,
        streamType: expect.any(String) as string,
      });
    });
  });

  it("prologue, whose refusal keeps a text", () => {
    const good = [
      '{"error":null}',
      "{}",
      '{"error":"boom"}',
      JSON.stringify({ error: "boom", typed_error: toDynamoError(refusal) }),
    ];
    check(8_000, damagedJson(good), (json) => {
      const decoded = attempt(["protocol_error"], () => decodePrologue(json));
      if (decoded) expect(decoded.message).not.toBe("");
    });
  });

  it("control value", () => {
    check(2_000, damagedJson(['"stop"', '"kill"', '"sentinel"']), (json) => {
      const decoded = attempt(["protocol_error"], () => decodeControl(json));
      if (!(decoded instanceof RequestPlaneError)) expect(`"${decoded}"`).toBe(json);
    });
  });
});

describe("damaged items", () => {
  const items = [
    ...responses
      .filter(({ dynamo }) => dynamo === "0.7.1")
      .flatMap(({ dialer }) => framesOf([dialer]).map(({ body }) => body))
      .filter((body) => body !== ""),
    `{"data":{"event":"error","error":${JSON.stringify(toDynamoError(refusal))}},"complete_final":false}`,
    '{"data":{"event":"error","comment":["one","two"],"error":{"error_type":{"Backend":"Unknown"},"message":"m","caused_by":{"message":"c"}}},"complete_final":true}',
  ];

  it("reach the caller as an item, as the end, or as an error that ends the response once", () => {
    check(18_000, damagedJson(items), (body) => {
      const closed: (RequestPlaneError | undefined)[] = [];
      const reader = readerOf([body, FINAL_BODY], (error) => closed.push(error));
      const taken: unknown[] = [];
      let failure: RequestPlaneError | undefined;
      try {
        for (let item = reader.take(); item !== END && item !== WAIT; item = reader.take()) taken.push(item);
      } catch (error) {
        if (!(error instanceof RequestPlaneError)) throw error;
        failure = error;
      }
      expect(closed).toEqual([failure]);
      expect(taken.length).toBeLessThanOrEqual(1);
      expect(taken.every((item) => typeof item === "object" && item !== null)).toBe(true);
      expect(reader.take()).toBe(END);
      if (failure && !failure.remote) expect(failure.code).toBe("protocol_error");
    });
  });

  it("that are errors of any shape become an error with a text", () => {
    const item = fc.record(
      { event: fc.constant("error"), comment: oddValue, error: fc.oneof(oddValue, fc.record(oddFields)) },
      { requiredKeys: ["event"] },
    );
    check(4_000, item, (annotated) => {
      const error = errorOfItem(annotated as Annotated<unknown>);
      expect(error).toBeInstanceOf(RequestPlaneError);
      expect(error).toMatchObject({ remote: true, message: expect.stringMatching(/[^]/) as string });
    });
  });
});

const oddFields = Object.fromEntries(
  ["error_type", "class", "reason", "message", "diagnostic", "public", "caused_by"].map((key) => [
    key,
    oddValue,
  ]),
);

function readerOf(bodies: string[], onClose: (error?: RequestPlaneError) => void): ResponseReader<unknown> {
  const { buffer, reader, asker } = reading<unknown>(1024 * 1024);
  asker.closed = onClose;
  buffer.opened();
  for (const body of bodies) {
    const bytes = Buffer.from(body);
    if (bytes.length > 0) buffer.frame(bytes, 0, bytes.length, "wrapped");
  }
  buffer.ended();
  return reader;
}
