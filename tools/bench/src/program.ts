/**
 * The frame of a process that the bench started: it begins, obeys, and can't outlive the bench.
 */
import type { AskUsage, ClientReady, Done, Failed, Hold, Run, ServerReady, Stop, Usage } from "./messages.ts";
import { usageOf } from "./processes.ts";

/** How long a process may take to close what it opened. */
const CLOSING_MS = 2_000;

export interface RunningServer {
  /** What clients need to know of it. */
  readonly address: string;
  /** The processes that do the work. Default: this one. */
  readonly pids?: readonly number[];
  readonly close: () => Promise<void>;
}

/** Starts a server and serves until the bench says stop. */
export function runServer(start: () => Promise<RunningServer>): void {
  obey(async () => {
    const { address, pids, close } = await start();
    return { ready: { type: "ready", address }, ...(pids && { usage: () => usageOf(pids) }), close };
  });
}

interface Program {
  readonly ready: ServerReady | ClientReady;
  readonly run?: (message: Run) => Promise<Done>;
  readonly hold?: (message: Hold) => Promise<Done>;
  /** Default: of this process. */
  readonly usage?: () => Promise<Usage>;
  readonly close: () => Promise<void>;
}

export function obey(start: () => Promise<Program>): void {
  const running = start();
  const end = (): void => {
    // Ended by `exit`, so that a profile is written even if something stays open.
    setTimeout(() => process.exit(), CLOSING_MS);
    void running.then(({ close }) => close()).finally(() => process.exit());
  };
  process.once("disconnect", end);
  process.once("SIGTERM", end);
  // Ctrl-C reaches the whole group; the bench hears it too and says stop.
  process.on("SIGINT", () => undefined);
  process.on("message", (message: Run | Hold | Stop | AskUsage) => {
    if (message.type === "stop") end();
    else if (message.type === "usage") answer(running.then(({ usage = ownUsage }) => usage()));
    else if (message.type === "hold") answer(running.then(({ hold }) => hold?.(message)));
    else answer(running.then(({ run }) => run?.(message)));
  });
  answer(running.then(({ ready }) => ready));
}

function answer(result: Promise<ServerReady | ClientReady | Done | Usage | undefined>): void {
  result.then(
    (message) => message && tell(message),
    (error: unknown) =>
      tell({ type: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
}

async function ownUsage(): Promise<Usage> {
  const { user, system } = process.cpuUsage();
  globalThis.gc?.();
  return { type: "usage", cpuMs: (user + system) / 1000, residentBytes: process.memoryUsage.rss() };
}

function tell(message: ServerReady | ClientReady | Done | Usage | Failed): void {
  if (process.connected) process.send?.(message);
}
