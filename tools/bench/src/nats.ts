/**
 * The nats-server of the subjects that need one.
 */
import { BenchProcess } from "./bench-process.ts";
import type { ServerReady } from "./messages.ts";
import type { Subject } from "./subject.ts";

const PROGRAM = new URL("nats-program.ts", import.meta.url);
/** Enough to fetch a nats-server too. */
const START_TIMEOUT_MS = 60_000;

export interface NatsOptions {
  /** Told which subjects are left out, and why. */
  readonly report: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Starts the nats-server. Default: `nats-program.ts`. */
  readonly program?: URL;
}

/** The subjects that can be measured; ends the nats-server, if there is one, when it is disposed of. */
export interface Prepared extends AsyncDisposable {
  readonly subjects: readonly Subject[];
  readonly natsUrl: string | undefined;
}

/** Starts a nats-server when a subject needs one. When there is none to be had those subjects are left out. */
export async function prepareNats(all: readonly Subject[], options: NatsOptions): Promise<Prepared> {
  const { report, signal, program = PROGRAM } = options;
  await using started = new AsyncDisposableStack();
  let subjects = all;
  let natsUrl: string | undefined;
  if (all.some(needsNats)) {
    // SIGKILL would leave the nats-server behind.
    const spec = { name: "nats-server", program, env: process.env, signal, killSignal: "SIGTERM" } as const;
    const holder = started.use(new BenchProcess<ServerReady>(spec));
    try {
      natsUrl = (await holder.receive(START_TIMEOUT_MS)).address;
    } catch (error) {
      signal?.throwIfAborted();
      subjects = all.filter((subject) => !needsNats(subject));
      report(leftOut(all, error));
    }
  }
  const rest = started.move();
  return { subjects, natsUrl, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

function leftOut(all: readonly Subject[], error: unknown): string {
  const names = all.filter(needsNats).map(({ name }) => name);
  return `Left out: ${names.join(", ")} (${error instanceof Error ? error.message : String(error)})`;
}

function needsNats({ needs }: Subject): boolean {
  return needs === "nats";
}
