import { twoPart } from "../../src/world/envelope.ts";
import { relaying } from "./relay.ts";
import { broken, goodMemory } from "./wrap.ts";
import type { BrokenTransport } from "./wrap.ts";

/** Handshake and prologue stay where they are. */
const isItem = (frame: Buffer): boolean => frame.includes('"n":');

export const BROKEN_RESPONSES: readonly BrokenTransport[] = [
  {
    fault: "lets items overtake each other",
    factory: broken(
      goodMemory,
      relaying({
        frames: (frames) => {
          const items = frames.filter(isItem).toReversed();
          return frames.map((frame) => (isItem(frame) ? (items.shift() ?? frame) : frame));
        },
      }),
    ),
    caughtBy: [["streaming", "100 items arrive in the order in which they were yielded"]],
    passes: [["streaming", "1 items arrive in the order in which they were yielded"]],
  },
  {
    fault: "loses an item now and then",
    factory: broken(
      goodMemory,
      relaying({ frames: (frames) => frames.filter((frame) => !frame.includes('"n":77')) }),
    ),
    caughtBy: [["streaming", "100 items arrive in the order in which they were yielded"]],
  },
  {
    fault: "makes whatever ends look whole",
    factory: broken(
      goodMemory,
      relaying({ farewell: Buffer.concat([twoPart("", '{"complete_final":true}'), twoPart('"sentinel"')]) }),
    ),
    caughtBy: [["end and errors", "a closed connection after an item is an error"]],
  },
  {
    fault: "keeps from the worker what the caller says",
    factory: broken(goodMemory, relaying({ deaf: true })),
    caughtBy: [
      ["cancellation", "leaving the loop kills the request at the worker"],
      ["deadlines", "a bound in the phase first_item ends a response, and says so"],
      ["deadlines", "a bound in the phase between_items ends a response, and says so"],
    ],
  },
  {
    fault: "takes in without limit what nobody reads",
    factory: broken(goodMemory, relaying({ unlimited: true })),
    caughtBy: [
      ["back pressure", "a worker with items of 1048576 letters waits for a caller that doesn't read"],
    ],
  },
];
