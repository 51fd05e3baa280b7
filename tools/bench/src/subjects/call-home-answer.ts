/**
 * The server's half of a call-home exchange: whatever brought the request, the answer goes over a connection of
 * its own.
 */
import { connect } from "node:net";
import { itemAt } from "../workload.ts";
import type { BenchRequest } from "../workload.ts";
import { boundsAt, PREFIX_BYTES, putPrefix } from "./call-home-frames.ts";
import type { Control, Home } from "./call-home-frames.ts";

/** Room for one frame with an item. */
const ITEM_FRAME_BYTES = 160;
/** Room for handshake, prologue, final and sentinel. */
const OTHER_FRAMES_BYTES = 320;

/** Dials the caller of the envelope at `start` and writes the whole answer. */
export function answerAtHome(bytes: Buffer, start = 0): void {
  const { bodyStart, end } = boundsAt(bytes, start);
  const control = JSON.parse(bytes.toString("utf8", start + PREFIX_BYTES, bodyStart)) as Control;
  const { items, hold } = JSON.parse(bytes.toString("utf8", bodyStart, end)) as BenchRequest;
  const { address, subject } = JSON.parse(control.connection_info.info) as Home;
  const colon = address.lastIndexOf(":");
  const home = connect({
    host: address.slice(0, colon),
    port: Number(address.slice(colon + 1)),
    noDelay: true,
  });
  // The caller closes; without a reader that would go unnoticed.
  home.on("end", () => home.destroy()).resume();
  home.write(encodeAnswer(subject, items, hold));
}

/** The whole answer, to be written at once; all but its end when it is to be held open. */
function encodeAnswer(subject: string, items: number, hold = false): Buffer {
  const bytes = Buffer.allocUnsafe(OTHER_FRAMES_BYTES + items * ITEM_FRAME_BYTES);
  let used = 0;
  const header = (text: string): void => {
    putPrefix(bytes, used, text.length, 0);
    used += PREFIX_BYTES + bytes.write(text, used + PREFIX_BYTES);
  };
  const body = (text: string): void => {
    putPrefix(bytes, used, 0, text.length);
    used += PREFIX_BYTES + bytes.write(text, used + PREFIX_BYTES);
  };
  header(`{"subject":"${subject}","stream_type":"response"}`);
  header('{"error":null}');
  for (let index = 0; index < items; index++) {
    body(`{"data":{"data":${JSON.stringify(itemAt(index))}},"complete_final":false}`);
  }
  if (!hold) {
    body('{"complete_final":true}');
    header('"sentinel"');
  }
  return bytes.subarray(0, used);
}
