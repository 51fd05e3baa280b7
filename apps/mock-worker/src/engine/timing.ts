/**
 * How long a pass of the engine takes: Dynamo's formulas for its mocker.
 * Source: interop notes, section E2; lib/mocker/src/common/perf_model.rs of ai-dynamo/dynamo at f80944a4 (the batch's
 * tokens count together), common/protocols.rs at 5534a9df6 (the two speed-ups multiply).
 */

export interface Speed {
  /** By what the times are divided; 0 means that nothing takes any time. */
  readonly speedupRatio: number;
  /** By what those of decoding are divided on top; 0 means that decoding takes no time. */
  readonly decodeSpeedupRatio: number;
}

/** One pass: what it computes, and how full the cache is meanwhile. */
export interface Work {
  /** Tokens of prompts, cached ones not counted. */
  readonly prefillTokens: number;
  /** Sequences that get one token more. */
  readonly decodes: number;
  /** Share of the blocks that are in use, 0 to 1. */
  readonly usage: number;
}

/** In milliseconds. */
export function passMs({ prefillTokens, decodes, usage }: Work, speed: Speed): number {
  const prefill = prefillTokens > 0 ? prefillMs(prefillTokens) : 0;
  const decode = decodes > 0 ? decodeMs(usage) : 0;
  return (
    divided(prefill, speed.speedupRatio) + divided(decode, speed.speedupRatio * speed.decodeSpeedupRatio)
  );
}

/** In milliseconds without speed-up, for so many new tokens. */
export function prefillMs(tokens: number): number {
  return 4.209989e-7 * tokens ** 2 + 1.518344e-2 * tokens + 16.50142;
}

/** In milliseconds without speed-up, for one token of every running sequence. */
export function decodeMs(usage: number): number {
  return -25.74 * usage ** 2 + 54.01 * usage + 5.74;
}

function divided(ms: number, ratio: number): number {
  return ratio === 0 ? 0 : ms / ratio;
}
