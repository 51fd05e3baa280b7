/** What the decoders of the TCP plane do with damaged input. */
import { FrameDecoder, RequestPlaneError } from "@dynamo/request-plane-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutAt, cuts, damaged, decodingWith, largestAllocation, textOf } from "@dynamo/test-support";
import { parseTcpAddress, pathOf } from "../src/address.ts";
import { decodeReply, encodeReply, measureReply } from "../src/reply-frame.ts";
import { decodeRequestFrame, encodeFrameHead, measureRequestFrame } from "../src/request-frame.ts";
import { recordedRequests, vector } from "./support/recorded.ts";

const SEED = 20_260_101;
const LIMIT = 4096;
/** Path and headers of the greatest length, with the three length fields: what is read before a limit applies. */
const MAX_HEAD = 2 + 0xffff + 2 + 0xffff + 4;
const decodeStream = decodingWith(FrameDecoder);

function check<T>(numRuns: number, input: fc.Arbitrary<T>, holds: (value: T) => void): void {
  fc.assert(fc.property(input, holds), { seed: SEED, numRuns });
}

describe("damaged streams of request frames", () => {
  const good = [...recordedRequests().map(({ dialer }) => dialer), ...["R1", "R2", "R3"].map(vector)];
  const measure = measureRequestFrame(LIMIT);

  it("decode alike however cut: to frames, then a rest or payload_too_large, within the limit", () => {
    const outcomes = { whole: 0, unfinished: 0, refused: 0 };
    check(12_000, fc.tuple(damaged(good), cuts), ([bytes, places]) => {
      const whole = decodeStream(measure, [bytes]);
      const allocated = largestAllocation(() => {
        expect(textOf(decodeStream(measure, cutAt(bytes, places)))).toBe(textOf(whole));
      });
      expect(allocated).toBeLessThanOrEqual(MAX_HEAD);
      if (whole.error) expect(whole.error.code).toBe("payload_too_large");
      outcomes[whole.error ? "refused" : whole.held > 0 ? "unfinished" : "whole"] += 1;
    });
    // The cases are of every kind.
    expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(150);
  });

  it("give frames with a path, headers that are strings and a payload, or invalid_argument", () => {
    check(6_000, damaged(good), (bytes) => {
      for (const hex of decodeStream(measure, [bytes]).frames) {
        const frame = Buffer.from(hex, "hex");
        try {
          const { path, headers, payload } = decodeRequestFrame(frame, 0, frame.length);
          expect(Buffer.byteLength(path) + payload.length).toBeLessThan(frame.length);
          expect(Array.isArray(headers)).toBe(false);
          expect(Object.values(headers).every((value) => typeof value === "string")).toBe(true);
        } catch (error) {
          if (!(error instanceof RequestPlaneError)) throw error;
          expect(error.code).toBe("invalid_argument");
        }
      }
    });
  });

  it.each(["generate", "1a2b/dynamo/backend/generate"])(
    "with a payload of 2^31 or 4 GiB for path %s are refused from their head, without room made for it",
    (path) => {
      for (const payloadBytes of [0x8000_0000, 0xffff_ffff]) {
        const head = encodeFrameHead(path, {}, payloadBytes);
        const allocated = largestAllocation(() => {
          const limit = 32 * 1024 * 1024;
          const { error } = decodeStream(measureRequestFrame(limit), cutAt(head, [1, 3, head.length - 1]));
          expect(error).toMatchObject({
            code: "payload_too_large",
            facts: { actual: head.length + payloadBytes, limit },
          });
        });
        expect(allocated).toBeLessThanOrEqual(head.length);
      }
    },
  );

  it("take a frame of exactly the limit, head included, and refuse one byte more", () => {
    const head = encodeFrameHead("1a2b/generate", {}, 0).length;
    for (const [length, code] of [
      [LIMIT, undefined],
      [LIMIT + 1, "payload_too_large"],
    ] as const) {
      const frame = Buffer.concat([
        encodeFrameHead("1a2b/generate", {}, length - head),
        Buffer.alloc(length - head),
      ]);
      expect(decodeStream(measure, [frame]).error?.code).toBe(code);
    }
  });
});

describe("request frames of any path and headers", () => {
  const name = fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" });
  const headerName = name.map((text) => text.toLowerCase());
  const headers = fc.dictionary(headerName, fc.string({ unit: "grapheme" }), {
    maxKeys: 4,
    noNullPrototype: true,
  });
  const payload = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
  const identity = fc.record({
    namespace: name,
    component: name,
    endpoint: name,
    instanceId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  });

  it("of 0.8 and newer are read back as they were written, with the path among the headers", () => {
    check(2_000, fc.tuple(identity, headers, payload), ([endpoint, given, body]) => {
      const path = pathOf(endpoint, "1.6");
      expect(path.split("/")).toHaveLength(4);
      const frame = Buffer.concat([encodeFrameHead(path, given, body.length), body]);
      expect(measureRequestFrame(LIMIT)(frame, 0, frame.length)).toBe(frame.length);
      expect(decodeRequestFrame(frame, 0, frame.length)).toEqual({
        path,
        headers: { ...given, "x-endpoint-path": path },
        payload: body,
      });
    });
  });

  it("have names of headers in lower case for whoever reads them", () => {
    const path = "1a2b/ns/component/endpoint";
    const frame = encodeFrameHead(path, { "X-Request-Id": "Kept As It Is" }, 0);
    expect(decodeRequestFrame(frame, 0, frame.length).headers).toEqual({
      "x-request-id": "Kept As It Is",
      "x-endpoint-path": path,
    });
  });

  it("of 0.7 are read back as they were written, without headers", () => {
    const endpoint = name.filter((text) => !text.includes("/"));
    check(2_000, fc.tuple(endpoint, headers, payload), ([path, given, body]) => {
      const frame = Buffer.concat([encodeFrameHead(path, given, body.length), body]);
      expect(measureRequestFrame(LIMIT)(frame, 0, frame.length)).toBe(frame.length);
      expect(decodeRequestFrame(frame, 0, frame.length)).toEqual({ path, headers: {}, payload: body });
    });
  });

  it("keep a byte order mark in the path: it is a character like any other", () => {
    const frame = encodeFrameHead("\u{feff}1a/generate", {}, 0);
    expect(decodeRequestFrame(frame, 0, frame.length).path).toBe("\u{feff}1a/generate");
  });

  it.each(["[]", '["a"]', "null", '"text"', '{"a":1}', '{"a":null}', "{", "1"])(
    "have no headers where those are %s",
    (json) => {
      const good = encodeFrameHead("a/b", {}, 0);
      const frame = Buffer.concat([
        good.subarray(0, 5),
        Buffer.from([0, json.length]),
        Buffer.from(json),
        Buffer.alloc(4),
      ]);
      expect(decodeRequestFrame(frame, 0, frame.length)).toStrictEqual({
        path: "a/b",
        headers: {},
        payload: Buffer.alloc(0),
      });
    },
  );

  it("are not written when path or headers don't fit into their length fields", () => {
    const long = "x".repeat(0xffff);
    expect(encodeFrameHead(long, {}, 0)).toHaveLength(2 + 0xffff + 4);
    expect(() => encodeFrameHead(`${long}x`, {}, 0)).toThrow("65535 bytes");
    expect(() => encodeFrameHead("a/b", { long }, 0)).toThrow("65535 bytes");
    // Bytes count, not characters.
    expect(() => encodeFrameHead("é".repeat(0x8000), {}, 0)).toThrow("65535 bytes");
  });
});

describe("damaged streams of replies", () => {
  const good = [
    vector("A1"),
    vector("A2"),
    vector("A3"),
    Buffer.concat([vector("A1"), vector("A2"), vector("A1")]),
    encodeReply("Read error: message too large: 41943073 bytes (max: 33554432 bytes)"),
  ];

  it("decode alike however cut: to acknowledgements and refusals, or protocol_error, within the limit", () => {
    check(8_000, fc.tuple(damaged(good), cuts), ([bytes, places]) => {
      const whole = decodeStream(measureReply(LIMIT), [bytes]);
      const allocated = largestAllocation(() => {
        expect(textOf(decodeStream(measureReply(LIMIT), cutAt(bytes, places)))).toBe(textOf(whole));
      });
      expect(allocated).toBeLessThanOrEqual(LIMIT);
      if (whole.error) expect(whole.error.code).toBe("protocol_error");
      for (const frame of whole.frames.map((hex) => Buffer.from(hex, "hex"))) {
        const refusal = decodeReply(frame, 0, frame.length);
        expect(refusal === undefined).toBe(frame.length === 4);
        if (refusal) expect(refusal).toMatchObject({ remote: true, message: frame.toString("utf8", 4) });
      }
    });
  });

  it("with a length of 2^31 or 4 GiB are refused from their four bytes, without room made for it", () => {
    for (const length of [0x8000_0000, 0xffff_ffff]) {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(length);
      const decoder = new FrameDecoder(measureReply(32 * 1024 * 1024), () => expect.unreachable());
      const allocated = largestAllocation(() => {
        expect(() => cutAt(head, [1, 2]).forEach((chunk) => decoder.push(chunk))).toThrow("is no reply");
      });
      expect(allocated).toBe(4);
    }
  });
});

describe("TCP addresses", () => {
  it.each([
    ["10.0.0.7:41234/generate", "10.0.0.7", 41_234, "generate"],
    ["tcp://10.0.0.7:1/1a2b/generate", "10.0.0.7", 1, "1a2b/generate"],
    ["[::1]:9999/1a2b/ns/a%2Fb/generate", "::1", 9999, "1a2b/ns/a%2Fb/generate"],
    ["host:80//", "host", 80, "/"],
  ])("%s is host %s, port %i and path %s", (address, host, port, path) => {
    expect(parseTcpAddress(address)).toMatchObject({ host, port, path });
  });

  it("of any text are cannot_connect with the address as a fact, or have a host, a port and a path", () => {
    const examples = ["10.0.0.7:41234/generate", "tcp://10.0.0.7:1/1a2b/generate", "[::1]:9999/1/a/b/c"];
    const input = fc.oneof(
      fc.string({ unit: "binary" }),
      damaged(examples.map((text) => Buffer.from(text))).map((bytes) => bytes.toString()),
    );
    let good = 0;
    check(2_000, input, (address) => {
      try {
        const { host, port, path } = parseTcpAddress(address);
        expect(host === "" || path === "" || !(port >= 1 && port <= 65_535)).toBe(false);
        expect(address.endsWith(`/${path}`)).toBe(true);
        good += 1;
      } catch (error) {
        if (!(error instanceof RequestPlaneError)) throw error;
        expect(error).toMatchObject({ code: "cannot_connect", facts: { address } });
      }
    });
    expect(good).toBeGreaterThan(100);
  });

  it("keep names apart that a slash or a percent sign would join", () => {
    const registration = { namespace: "a/b", component: "c%2Fd", endpoint: "e", instanceId: 0x1an };
    expect(pathOf(registration, "1.6")).toBe("1a/a%2Fb/c%252Fd/e");
    expect(pathOf(registration, "0.7")).toBe("e");
  });
});
