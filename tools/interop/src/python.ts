import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A Python for which all the releases have wheels. */
export interface Python {
  readonly command: string;
  /** `3.11`. */
  readonly version: string;
}

/** Newer releases of Python lack wheels of older releases of Dynamo. */
const VERSIONS = ["3.12", "3.11", "3.10"];
const ASK = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])";

/**
 * The newest one that is on this machine, or the one that `DYNAMO_INTEROP_PYTHON` names. Throws an error that
 * says what is missing.
 */
export async function findPython(environment: NodeJS.ProcessEnv = process.env): Promise<Python> {
  const named = environment["DYNAMO_INTEROP_PYTHON"];
  const commands = named ? [named] : [...VERSIONS.map((version) => `python${version}`), "python3"];
  for (const command of commands) {
    // One that doesn't answer, such as a shim with nothing behind it, is as good as none.
    const version = await run(command, ["-c", ASK], { env: environment }).then(
      ({ stdout }) => stdout.trim(),
      () => "",
    );
    if (VERSIONS.includes(version)) return { command, version };
  }
  throw new Error(
    `There is no Python ${VERSIONS.join(", ")} with venv on this machine (tried ${commands.join(", ")}). ` +
      "Dynamo's wheels need one: install it, or name it in DYNAMO_INTEROP_PYTHON.",
  );
}
