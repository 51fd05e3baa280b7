/**
 * The options of a worker that takes tokens. Names and defaults are those of Dynamo's mocker.
 * Source: interop notes, sections E1 and E3.
 */
import { parseEventPlaneMode } from "@dynamo/event-plane";
import { numberFrom, oneOf, onOff, wholeNumberFrom } from "../settings.ts";

export const TOKENS_SETTINGS = {
  modelPath: {
    flag: "--model-path <folder>",
    env: "DYN_MODEL_PATH",
    text: "folder with the model's config and tokenizer; makes the worker one that takes tokens",
    parse: folder,
  },
  numGpuBlocksOverride: {
    flag: "--num-gpu-blocks-override <count>",
    env: "DYN_MOCK_NUM_GPU_BLOCKS",
    text: "blocks of the KV cache",
    default: "16384",
    parse: wholeNumberFrom(1, 2 ** 24),
  },
  blockSize: {
    flag: "--block-size <tokens>",
    env: "DYN_MOCK_BLOCK_SIZE",
    text: "tokens in a block",
    default: "64",
    parse: wholeNumberFrom(1, 2 ** 16),
  },
  maxNumSeqs: {
    flag: "--max-num-seqs <count>",
    env: "DYN_MOCK_MAX_NUM_SEQS",
    text: "requests that run at the same time; others wait",
    default: "256",
    parse: wholeNumberFrom(1, 1_000_000),
  },
  maxNumBatchedTokens: {
    flag: "--max-num-batched-tokens <tokens>",
    env: "DYN_MOCK_MAX_NUM_BATCHED_TOKENS",
    text: "tokens that one pass computes",
    default: "8192",
    parse: wholeNumberFrom(1, 2 ** 30),
  },
  maxModelLen: {
    flag: "--max-model-len <tokens>",
    env: "DYN_MOCK_MAX_MODEL_LEN",
    text: "tokens of prompt and answer together; as many as the cache holds unless told",
    parse: wholeNumberFrom(2, 2 ** 30),
  },
  enablePrefixCaching: {
    flag: "--enable-prefix-caching [on]",
    env: "DYN_MOCK_ENABLE_PREFIX_CACHING",
    text: "share blocks between requests that begin alike; --no-enable-prefix-caching turns it off",
    default: "true",
    parse: onOff,
  },
  enableChunkedPrefill: {
    flag: "--enable-chunked-prefill [on]",
    env: "DYN_MOCK_ENABLE_CHUNKED_PREFILL",
    text: "compute long prompts in several passes; --no-enable-chunked-prefill turns it off",
    default: "true",
    parse: onOff,
  },
  preemptionMode: {
    flag: "--preemption-mode <mode>",
    env: "DYN_MOCK_PREEMPTION_MODE",
    text: "who gives way when blocks run out: lifo, the request that came last, or fifo, the first",
    default: "lifo",
    parse: oneOf("lifo", "fifo"),
  },
  watermark: {
    flag: "--watermark <fraction>",
    env: "DYN_MOCK_WATERMARK",
    text: "share of the blocks that is kept for requests that run",
    default: "0.01",
    parse: numberFrom(0, 1),
  },
  speedupRatio: {
    flag: "--speedup-ratio <factor>",
    env: "DYN_MOCK_SPEEDUP_RATIO",
    text: "how many times faster than a real engine; 0 takes no time at all",
    default: "1",
    parse: numberFrom(0, Number.MAX_VALUE),
  },
  decodeSpeedupRatio: {
    flag: "--decode-speedup-ratio <factor>",
    env: "DYN_MOCK_DECODE_SPEEDUP_RATIO",
    text: "how many times faster still, for all tokens but the first",
    default: "1",
    parse: numberFrom(0, Number.MAX_VALUE),
  },
  dataParallelSize: {
    flag: "--data-parallel-size <count>",
    env: "DYN_MOCK_DATA_PARALLEL_SIZE",
    text: "ranks of each worker, each with a cache of its own",
    default: "1",
    parse: wholeNumberFrom(1, 1024),
  },
  eventPlane: {
    flag: "--event-plane <plane>",
    env: "DYN_EVENT_PLANE",
    text: "what carries events about cache and load to routers: zmq, nats, or jetstream for those of 0.7",
    default: "zmq",
    parse: parseEventPlaneMode,
  },
  kvEvents: {
    flag: "--kv-events [on]",
    env: "DYN_MOCK_KV_EVENTS",
    text: "tell routers what is in the cache; --no-kv-events turns it off",
    default: "true",
    parse: onOff,
  },
  startupTime: {
    flag: "--startup-time <seconds>",
    env: "DYN_MOCK_STARTUP_TIME",
    text: "time until the worker can be found",
    default: "0",
    parse: numberFrom(0, 86_400),
  },
} as const;

function folder(text: string): string {
  if (text.trim() !== "") return text;
  throw new Error("a model's folder needs a name");
}
