import { execFile } from "node:child_process";
import { dirname } from "node:path";

export interface Finished {
  ok: boolean;
  /** What the program printed, on both outputs. */
  output: string;
}

const limitMs = 180_000;

/** Runs a program to its end, or for three minutes at most. Rejects only when it cannot be started. */
export function run(command: string, args: string[], cwd: string): Promise<Finished> {
  const options = {
    cwd,
    timeout: limitMs,
    // The tarball is used with the Node that runs this check.
    env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}` },
    maxBuffer: 64 * 1024 * 1024,
  };
  return new Promise((resolve, reject) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      if (typeof error?.code === "string") reject(new Error(`${command} did not start`, { cause: error }));
      else if (error?.killed) resolve({ ok: false, output: `${command} was stopped after ${limitMs} ms` });
      else resolve({ ok: error === null, output: `${stdout}${stderr}`.trim() });
    });
  });
}

/** Throws with the program's output when it fails. */
export async function mustRun(command: string, args: string[], cwd: string): Promise<string> {
  const { ok, output } = await run(command, args, cwd);
  if (!ok) throw new Error(`${[command, ...args].join(" ")} failed in ${cwd}:\n${output}`);
  return output;
}
