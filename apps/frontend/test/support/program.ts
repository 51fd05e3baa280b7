/**
 * The frontend as users start it.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { until } from "@dynamo/test-support";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export class Program {
  readonly child: ChildProcess;
  /** The exit code; `null` after a signal. */
  readonly ended: Promise<number | null>;
  stdout = "";
  stderr = "";

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}, main = join(ROOT, "src/main.ts")) {
    this.child = spawn(process.execPath, [main, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"], DYN_TCP_RESPONSE_STREAM_HOST: "127.0.0.1", ...env },
    });
    this.child.stdout?.on("data", (data) => (this.stdout += String(data)));
    this.child.stderr?.on("data", (data) => (this.stderr += String(data)));
    this.ended = once(this.child, "close").then(([code]) => code as number | null);
    onTestFinished(() => void this.child.kill("SIGKILL"));
  }

  /** The address, when it listens. */
  async url(): Promise<string> {
    const address = () => /Listening on (http:\/\/[\d.:]+)/.exec(this.stderr)?.[1];
    await until(`the frontend listens; it says: ${this.stderr}`, () => address() !== undefined, 20_000);
    return address() ?? "";
  }
}

/** A folder for file discovery that is gone after the test. */
export function discoveryFolder(): string {
  return temporaryFolder();
}

/** The program of a copy that has all packages but one. */
export function copyWithout(packageName: string): string {
  const copy = temporaryFolder();
  cpSync(join(ROOT, "src"), join(copy, "src"), { recursive: true });
  cpSync(join(ROOT, "package.json"), join(copy, "package.json"));
  const modules = join(ROOT, "node_modules");
  const names = readdirSync(modules).flatMap((name) =>
    name.startsWith("@") ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`) : [name],
  );
  for (const name of names.filter((candidate) => candidate !== packageName)) {
    mkdirSync(dirname(join(copy, "node_modules", name)), { recursive: true });
    symlinkSync(realpathSync(join(modules, name)), join(copy, "node_modules", name));
  }
  return join(copy, "src/main.ts");
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "dynamo-frontend-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
