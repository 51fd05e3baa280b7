/** Workers as processes, which are killed as such. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { until } from "@dynamo/test-support";
import { LOOPBACK } from "@dynamo/test-support/loopback";

const PROGRAM = fileURLToPath(new URL("worker-program.ts", import.meta.url));
const MS_PER_TOKEN = "3";

export class WorkerProcess {
  readonly #child: ChildProcess;
  #stdout = "";
  #stderr = "";

  constructor(modelFolder: string, env: NodeJS.ProcessEnv) {
    this.#child = spawn(process.execPath, [PROGRAM, modelFolder, MS_PER_TOKEN], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"], ...LOOPBACK, ...env },
    });
    this.#child.stdout?.on("data", (data) => (this.#stdout += String(data)));
    this.#child.stderr?.on("data", (data) => (this.#stderr += String(data)));
    onTestFinished(() => this.kill());
  }

  async serving(): Promise<void> {
    await until(
      `a worker serves; it says: ${this.#stderr}`,
      () => this.#stdout.includes("serving\n"),
      20_000,
    );
  }

  isAnswering(requestId: string): boolean {
    return this.#stdout.includes(`answering ${requestId}\n`);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }
}
