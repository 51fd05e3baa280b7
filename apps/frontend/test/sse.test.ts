import { describe, expect, test } from "vitest";
import { DONE, annotationEvent, dataEvent } from "../src/chat/sse.ts";
import { parseSse } from "./support/sse.ts";

const NASTY = "a\nb\r\nc\rd\n\ndata: [DONE]\n\n\u2028\ud800";

describe("server-sent events", () => {
  test("data is JSON on one line, whatever is in it", () => {
    const value = { text: NASTY };
    const pretty = JSON.stringify(value, null, 2);
    for (const json of [JSON.stringify(value), pretty, pretty.replaceAll("\n", "\r\n\r")]) {
      const [event, ...others] = parseSse(dataEvent(json));
      expect(others).toEqual([]);
      expect(JSON.parse(event?.data ?? "")).toEqual(value);
    }
  });

  test("an annotation is its name and its comments", () => {
    expect(annotationEvent({ event: "my_event", comment: ['{"x":1}'] })).toBe(
      'event: my_event\n: {"x":1}\n\n',
    );
  });

  test("line breaks in names and comments forge nothing", () => {
    const data = `\n${JSON.stringify(NASTY)}\r`;
    const events = parseSse(annotationEvent({ event: NASTY, comment: [NASTY, "e"], data }) + DONE);
    expect(events).toHaveLength(2);
    expect(events[0]?.comments).toEqual(["a", "b", "c", "d", "", "data: [DONE]", "", "\u2028\ud800", "e"]);
    expect(JSON.parse(events[0]?.data ?? "")).toBe(NASTY);
  });

  test("integers above 2^53 are written in full", () => {
    expect(dataEvent('{"id":9223372036854775808}')).toBe('data: {"id":9223372036854775808}\n\n');
  });
});
