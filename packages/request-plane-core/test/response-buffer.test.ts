import { describe, expect, it } from "vitest";
import { RequestPlaneError } from "../src/errors.ts";
import { ResponseBuffer } from "../src/response-buffer.ts";
import type { ResponseControl } from "../src/response-plane.ts";

const LOST = new RequestPlaneError("disconnected", "lost");
const CANCELLED = new RequestPlaneError("cancelled", "enough");

/** The peer's side of a buffer, which notes what it is told. */
function control(): ResponseControl & { words: string[] } {
  const words: string[] = [];
  const note = (word: string) => (): void => void words.push(word);
  return { words, stop: note("stop"), kill: note("kill"), pause: note("pause"), resume: note("resume") };
}

function opened(limitBytes = 1_024): { buffer: ResponseBuffer; words: string[] } {
  const buffer = new ResponseBuffer({ bufferBytes: limitBytes, maxFrameBytes: 1024 });
  const peer = control();
  buffer.connected(peer);
  buffer.opened();
  return { buffer, words: peer.words };
}

function push(buffer: ResponseBuffer, text: string): void {
  // Inside of a larger chunk, as frames come from a socket.
  const bytes = Buffer.from(`<${text}>`);
  buffer.frame(bytes, 1, bytes.length - 1, "wrapped");
}

function textOf(buffer: ResponseBuffer): string | undefined {
  const frame = buffer.take();
  return frame?.bytes.toString("utf8", frame.start, frame.end);
}

describe("a response buffer", () => {
  it("gives frames in order, any number of them", () => {
    const { buffer } = opened(2 ** 30);
    for (let i = 0; i < 5_000; i += 1) push(buffer, String(i));
    for (let i = 0; i < 2_500; i += 1) expect(textOf(buffer)).toBe(String(i));
    for (let i = 5_000; i < 6_000; i += 1) push(buffer, String(i));
    for (let i = 2_500; i < 6_000; i += 1) expect(textOf(buffer)).toBe(String(i));
    expect(textOf(buffer)).toBeUndefined();
    expect(buffer.isEmpty).toBe(true);
  });

  it("pauses its peer when it is full, once, and resumes it when half of it was taken, once", () => {
    const { buffer, words } = opened(1_000);
    const text = "x".repeat(136);
    for (let i = 0; i < 5; i += 1) push(buffer, text);
    expect(words).toEqual([]);
    push(buffer, text);
    push(buffer, text);
    expect(words).toEqual(["pause"]);
    while (words.length === 1) expect(textOf(buffer)).toBe(text);
    expect(words).toEqual(["pause", "resume"]);
    expect(buffer.isEmpty).toBe(false);
    while (textOf(buffer) !== undefined);
    expect(words).toEqual(["pause", "resume"]);
  });

  it("is filled by many frames without content too", () => {
    const { buffer, words } = opened(1_000);
    for (let i = 0; i < 20; i += 1) push(buffer, "");
    expect(words).toEqual(["pause"]);
  });

  it("keeps what came before the peer failed, and nothing after", () => {
    const { buffer } = opened();
    push(buffer, "a");
    buffer.failed(LOST);
    push(buffer, "b");
    buffer.failed(CANCELLED);
    buffer.ended();
    expect(buffer).toMatchObject({ state: "failed", error: LOST });
    expect(textOf(buffer)).toBe("a");
    expect(textOf(buffer)).toBeUndefined();
  });

  it("drops all when it is cancelled, tells the peer, and who keeps its place, once", () => {
    const { buffer, words } = opened();
    let told = 0;
    buffer.slot = { abandon: () => (told += 1) };
    push(buffer, "a");
    buffer.cancel(CANCELLED);
    buffer.cancel(LOST);
    expect(buffer).toMatchObject({ state: "failed", error: CANCELLED, isEmpty: true });
    expect(words).toEqual(["kill"]);
    expect(told).toBe(1);
  });

  it("kills a peer that comes when nobody waits any more", () => {
    const buffer = new ResponseBuffer({ bufferBytes: 1_000, maxFrameBytes: 1024 });
    buffer.cancel(CANCELLED);
    const peer = control();
    buffer.connected(peer);
    buffer.opened();
    expect(peer.words).toEqual(["kill"]);
    expect(buffer.state).toBe("failed");
  });

  it("tells of the first frame, the opening and the end, but not of frames behind others", () => {
    const buffer = new ResponseBuffer({ bufferBytes: 10_000, maxFrameBytes: 1024 });
    let changes = 0;
    buffer.reader = { changed: () => (changes += 1) };
    buffer.connected(control());
    buffer.opened();
    for (let i = 0; i < 10; i += 1) push(buffer, "x");
    expect(changes).toBe(2);
    buffer.ended();
    expect(changes).toBe(3);
  });
});
