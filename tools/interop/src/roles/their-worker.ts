/**
 * A worker of Dynamo, written in Python, that serves the reference endpoint.
 */
import { connect } from "node:net";
import type { EndpointRecord } from "@dynamo/request-plane-core";
import type { Child } from "../child.ts";
import type { Site } from "../site.ts";
import { ourCaller } from "./our-caller.ts";
import { until } from "../waiting.ts";
import { startPython } from "./python-program.ts";

export const THEIR_ENDPOINT = "interop.theirs.generate";

export class TheirWorker implements AsyncDisposable {
  readonly endpoint: string;
  /** What it has written into discovery. */
  readonly record: EndpointRecord;
  readonly process: Child;

  constructor(endpoint: string, record: EndpointRecord, process: Child) {
    this.endpoint = endpoint;
    this.record = record;
    this.process = process;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

/** The one that cells share. */
export function theirWorker(site: Site): Promise<TheirWorker> {
  return startTheirWorker(site, THEIR_ENDPOINT);
}

/** One more, the only one at its endpoint. */
export async function startTheirWorker(site: Site, endpoint: string): Promise<TheirWorker> {
  const child = await startPython(site, "worker.py", [endpoint]);
  try {
    await child.message("serving");
    const caller = await site.use(ourCaller);
    const record = await caller.recordOf(endpoint);
    await untilListening(record);
    return new TheirWorker(endpoint, record, child);
  } catch (error) {
    await child.kill();
    throw error;
  }
}

/** On the HTTP plane a worker may be in discovery before it listens. */
async function untilListening({ transport }: EndpointRecord): Promise<void> {
  const { http } = transport;
  if (http === undefined) return;
  const { hostname, port } = new URL(http);
  await until(`${http} is listened on`, () => isListening(hostname, Number(port)));
}

function isListening(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port }, () => resolve(true));
  socket.once("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
