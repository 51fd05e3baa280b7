/**
 * What a scripted worker can do with a request, as the words of a script.
 */
import { setImmediate } from "node:timers/promises";
import { twoPart } from "@dynamo/test-support/raw-frames";
import { text } from "../../support/chunks.ts";
import type { Exchange } from "./exchange.ts";

export type Step = (exchange: Exchange) => void | Promise<void>;
type Frame = (exchange: Exchange) => Buffer;

// On the connection of the request.
export const acknowledge: Step = (exchange) => exchange.reply("");
export const hangUp: Step = (exchange) => exchange.hangUp();

export function refuse(reason: string): Step {
  return (exchange) => exchange.reply(reason);
}

// On the response connection.
export const dial: Step = (exchange) => exchange.dial();
export const close: Step = (exchange) => void exchange.response.end();
export const reset: Step = (exchange) => void exchange.response.resetAndDestroy();

/** Waits, for example for a test that has something to do first. */
export function hold(until: Promise<unknown>): Step {
  return async () => {
    await until;
  };
}

export function send(...frames: Frame[]): Step {
  return (exchange) => frames.forEach((frame) => exchange.response.write(frame(exchange)));
}

/** All frames in one write. */
export function sendAtOnce(...frames: Frame[]): Step {
  return (exchange) => void exchange.response.write(Buffer.concat(frames.map((frame) => frame(exchange))));
}

/** Each byte in a write of its own. */
export function drip(...frames: Frame[]): Step {
  return async (exchange) => {
    for (const byte of Buffer.concat(frames.map((frame) => frame(exchange)))) {
      exchange.response.write(Buffer.of(byte));
      await setImmediate();
    }
  };
}

// Frames.
export const handshake: Frame = ({ subject }) =>
  twoPart(JSON.stringify({ subject, stream_type: "response" }));

/** A frame that is all header. */
export function header(value: unknown): Frame {
  return () => twoPart(JSON.stringify(value));
}

/** A frame that is all body. */
export function body(content: string): Frame {
  return () => twoPart("", content);
}

export function frame(headerText: string, content: string): Frame {
  return () => twoPart(headerText, content);
}

/** An item with its envelope. */
export function item(envelope: object): Frame {
  return body(JSON.stringify({ data: envelope, complete_final: false }));
}

export function chunk(content: string): Frame {
  return item({ data: text(content) });
}

export function errorItem(error: object): Frame {
  return item({ event: "error", error });
}

export const prologue: Frame = header({ error: null });
export const final: Frame = body('{"complete_final":true}');
export const sentinel: Frame = header("sentinel");

// What most scripts have in common.
export const begin: readonly Step[] = [acknowledge, dial, send(handshake, prologue)];
/** Together they say `abc`. */
export const threeChunks: readonly Frame[] = [chunk("a"), chunk("b"), chunk("c")];
export const end: Step = send(final, sentinel);
/** The script of a worker that is well again. */
export const recover: readonly Step[] = [...begin, send(chunk("recovered")), end];
