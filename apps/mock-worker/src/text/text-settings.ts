/** The options of a worker that takes chats: what it answers, and how fast. */
import { numberFrom, oneOf, wholeNumberFrom } from "../settings.ts";
import { REPLY_KINDS } from "./replies.ts";

/** Node's timers fire at once when the time doesn't fit into 31 bits. */
const MAX_MS = 2 ** 31 - 1;

export const TEXT_SETTINGS = {
  reply: {
    flag: "--reply <kind>",
    env: "DYN_MOCK_REPLY",
    text: "echo the question, a fixed text, or made-up words",
    default: "echo",
    parse: oneOf(...REPLY_KINDS),
  },
  replyText: {
    flag: "--reply-text <text>",
    env: "DYN_MOCK_REPLY_TEXT",
    text: "the text of --reply fixed",
    default: "Hello from the mock worker.",
    parse: String,
  },
  tokens: {
    flag: "--tokens <count>",
    env: "DYN_MOCK_TOKENS",
    text: "length of the answers of --reply words",
    default: "16",
    parse: wholeNumberFrom(0, 1_000_000),
  },
  ttftMs: {
    flag: "--ttft-ms <ms>",
    env: "DYN_MOCK_TTFT_MS",
    text: "time to the first token",
    default: "0",
    parse: numberFrom(0, MAX_MS),
  },
  itlMs: {
    flag: "--itl-ms <ms>",
    env: "DYN_MOCK_ITL_MS",
    text: "time from one token to the next",
    default: "0",
    parse: numberFrom(0, MAX_MS),
  },
  jitter: {
    flag: "--jitter <fraction>",
    env: "DYN_MOCK_JITTER",
    text: "how far these times may be off, 0 to 1",
    default: "0",
    parse: numberFrom(0, 1),
  },
} as const;
