/**
 * Faults on demand: what goes wrong, and after how many tokens of the answer.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { RequestPlaneError } from "@dynamo/request-plane-core";

/**
 * `fail` ends the answer with an error, `stall` goes silent until the caller gives up, `die` kills the
 * process without any goodbye.
 */
export type FaultKind = "fail" | "stall" | "die";

export interface Fault {
  readonly kind: FaultKind;
  /** Tokens that are sent before. An answer that is shorter is whole. */
  readonly after: number;
}

/** Reads `fail_after:3`. Throws when the text is nothing of the kind. */
export function parseFault(text: string): Fault {
  const match = /^(fail|stall|die)_after:(\d{1,9})$/.exec(text);
  if (!match) {
    throw new Error(
      `'${text}' is no fault: expected fail_after:N, stall_after:N or die_after:N, N in tokens`,
    );
  }
  return { kind: match[1] as FaultKind, after: Number(match[2]) };
}

const ANNOTATION = "mock_fault:";

/** The fault that a request asks for in its annotations. Throws `invalid_argument` when there is no such fault. */
export function requestedFault(annotations: unknown): Fault | undefined {
  if (!Array.isArray(annotations)) return undefined;
  const isFault = (entry: unknown) => typeof entry === "string" && entry.startsWith(ANNOTATION);
  const annotation: unknown = annotations.find(isFault);
  if (typeof annotation !== "string") return undefined;
  try {
    return parseFault(annotation.slice(ANNOTATION.length));
  } catch (error) {
    throw RequestPlaneError.from(error, "invalid_argument");
  }
}

/**
 * Lets the fault happen. Rejects with `handler_failed` for `fail`; resolves when the signal aborts for
 * `stall`; never comes back from `die`.
 */
export async function strike(fault: Fault, signal: AbortSignal): Promise<void> {
  switch (fault.kind) {
    case "fail":
      throw new RequestPlaneError("handler_failed", `mock fault: failed after ${fault.after} tokens`);
    case "stall":
      if (!signal.aborted) await once(signal, "abort");
      return;
    case "die":
      return die();
  }
}

/** Nothing tells a handler that its items are on the wire; within this time they are, also to a new caller. */
const FLUSH_MS = 100;

async function die(): Promise<never> {
  await sleep(FLUSH_MS);
  process.kill(process.pid, "SIGKILL");
  return new Promise<never>(() => {
    /* The signal is on its way. */
  });
}
