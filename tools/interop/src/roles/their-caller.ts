/**
 * A caller of Dynamo, written in Python.
 */
import type { Child } from "../child.ts";
import type { Site } from "../site.ts";
import { within } from "../waiting.ts";
import { startPython } from "./python-program.ts";

export interface TheirCall {
  readonly endpoint: string;
  readonly request: unknown;
  readonly operation?: "round_robin" | "random" | "direct";
  /** For `direct`. */
  readonly instance?: bigint;
  /** It drops the stream after so many items. */
  readonly leaveAfter?: number;
  /** It calls `stop_generating` after so many items, and reads on. */
  readonly stopAfter?: number;
  /** Instances that must be there first. Default 1. */
  readonly waitFor?: number;
}

export interface TheirView {
  readonly items: readonly unknown[];
  /** Class and text of the exception that it saw. */
  readonly error: { readonly type: string; readonly text: string } | null;
}

export class TheirCaller implements AsyncDisposable {
  readonly process: Child;
  readonly #waiting = new Map<number, (view: TheirView) => void>();
  #calls = 0;

  constructor(process: Child) {
    this.process = process;
    process.onMessage((message) => {
      if ("id" in message) this.#waiting.get(Number(message.id))?.(message as unknown as TheirView);
    });
  }

  async call({ instance, ...call }: TheirCall, timeoutMs = 30_000): Promise<TheirView> {
    const id = (this.#calls += 1);
    const { promise, resolve } = Promise.withResolvers<TheirView>();
    this.#waiting.set(id, resolve);
    this.process.send({ id, ...call, ...(instance !== undefined && { instance: String(instance) }) });
    try {
      return await this.process.whileAlive(within(`a call of ${this.process.name}`, promise, timeoutMs));
    } finally {
      this.#waiting.delete(id);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

export async function theirCaller(site: Site): Promise<TheirCaller> {
  const child = await startPython(site, "caller.py");
  await child.message("ready");
  return new TheirCaller(child);
}
