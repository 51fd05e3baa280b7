/**
 * The worker as users start it: a process, with discovery in a folder of its own and TCP on loopback.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LOOPBACK } from "@dynamo/test-support/loopback";
import { expect, onTestFinished } from "vitest";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

export interface LogLine {
  readonly msg: string;
  readonly [fact: string]: unknown;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class WorkerProcess {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = "";
  stderr = "";

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    this.process = spawn(process.execPath, [MAIN, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"], ...env },
    });
    this.process.stdout?.on("data", (data) => (this.stdout += String(data)));
    this.process.stderr?.on("data", (data) => (this.stderr += String(data)));
    this.ended = once(this.process, "close").then((result) => {
      const [code, signal] = result as [number | null, NodeJS.Signals | null];
      return { code, signal };
    });
    onTestFinished(() => void this.process.kill("SIGKILL"));
  }

  /** The log so far. */
  get log(): LogLine[] {
    const whole = this.stderr.slice(0, this.stderr.lastIndexOf("\n") + 1);
    const lines = whole.split("\n").filter((line) => line.startsWith("{"));
    return lines.map((line) => JSON.parse(line) as LogLine);
  }

  /** The lines that tell what is served, when there are as many. */
  async serving(count = 1): Promise<LogLine[]> {
    const lines = () => this.log.filter(({ msg }) => msg.startsWith("serving "));
    await expect.poll(() => (lines().length === count ? "serving" : this.stderr)).toBe("serving");
    return lines();
  }
}

/** Loopback, any port, a folder that is gone after the test. */
export function privateEnvironment(): NodeJS.ProcessEnv {
  const folder = mkdtempSync(join(tmpdir(), "mock-worker-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return {
    DYN_DISCOVERY_BACKEND: "file",
    DYN_FILE_KV: folder,
    DYN_REQUEST_PLANE: "tcp",
    ...LOOPBACK,
  };
}
