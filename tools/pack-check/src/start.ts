import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

const LIMIT_MS = 30_000;

/** Starts a server program, waits for its first words, and ends it. */
export async function startProblems(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string[]> {
  const child = spawn(process.execPath, [program, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const closed = once(child, "close");
  const cancel = new AbortController();
  const tooLate = sleep(LIMIT_MS, undefined, { signal: cancel.signal }).catch(() => undefined);
  let output = "";
  const spoke = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        resolve();
      });
    }
  });
  await Promise.race([spoke, closed, tooLate]);
  child.kill("SIGTERM");
  await Promise.race([closed, tooLate]);
  cancel.abort();
  if (child.exitCode === 0) return [];
  const end = child.exitCode ?? child.signalCode;
  child.kill("SIGKILL");
  const command = [program, ...args].join(" ");
  return [end === null ? `${command} does not end on SIGTERM` : `${command} ended with ${end}: ${output}`];
}
