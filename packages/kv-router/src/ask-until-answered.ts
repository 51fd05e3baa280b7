import { setTimeout as sleep } from "node:timers/promises";

export interface Question<T> {
  /** Asks once; the signal says when nobody waits any more. */
  ask(signal: AbortSignal): Promise<T> | undefined;
  failed(error: unknown): void;
  /** Bound on one attempt, in milliseconds. */
  readonly timeoutMs: number;
  readonly attempts: number;
  /** Pause before the second attempt, in milliseconds; doubled for each further one. */
  readonly retryDelayMs: number;
}

/** Asks until there is an answer; `undefined` when there is none in the end, or nobody wants it. Never rejects. */
export async function askUntilAnswered<T>(
  question: Question<T>,
  closing: AbortSignal,
): Promise<T | undefined> {
  for (let attempt = 0; attempt < question.attempts && !closing.aborted; attempt++) {
    const signal = AbortSignal.any([closing, AbortSignal.timeout(question.timeoutMs)]);
    try {
      return await unlessAborted(question.ask(signal), signal);
    } catch (error) {
      if (closing.aborted) return undefined;
      question.failed(error);
      await sleep(question.retryDelayMs * 2 ** attempt, undefined, { signal: closing }).catch(
        () => undefined,
      );
    }
  }
  return undefined;
}

/** Rejects when the signal says so, even if the other side doesn't listen to it. */
async function unlessAborted<T>(
  promise: Promise<T> | undefined,
  signal: AbortSignal,
): Promise<T | undefined> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (stop) signal.removeEventListener("abort", stop);
  }
}
