import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let bin: string;

beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), "run-test-"));
});

afterEach(() => {
  rmSync(bin, { recursive: true });
});

/** Runs the wrapper around a shell script that stands in for turbo. */
function runAround(script: string): Promise<{ code: number; stdout: string }> {
  const turbo = join(bin, "turbo");
  writeFileSync(turbo, `#!/bin/sh\n${script}\n`);
  chmodSync(turbo, 0o755);
  const main = join(import.meta.dirname, "../src/main.ts");
  const options = { env: { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}` }, timeout: 20_000 };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, "run", "test"], options, (_error, stdout) => {
      resolve({ code: child.exitCode ?? -1, stdout });
    });
  });
}

test("hands on turbo's output and exit code, and counts last", async () => {
  const { code, stdout } = await runAround(
    `echo "$@"; echo "a:test:  FAIL  b.test.ts > c"; echo "a:test:  Tests  1 failed | 2 passed (3)"; exit 3`,
  );
  expect(code).toBe(3);
  expect(stdout).toBe(
    "run test\na:test:  FAIL  b.test.ts > c\na:test:  Tests  1 failed | 2 passed (3)\nFAIL a: b.test.ts > c\n2 passed, 1 failed\n",
  );
});

test("ends well with turbo, and says nothing of tests when none ran", async () => {
  expect(await runAround("echo fine")).toEqual({ code: 0, stdout: "fine\n" });
});

test("switches telemetry off", async () => {
  const { stdout } = await runAround(`echo "$TURBO_TELEMETRY_DISABLED $DO_NOT_TRACK"`);
  expect(stdout).toBe("1 1\n");
});

test("does not end well when it is stopped, though turbo does", async () => {
  const { code } = await runAround("trap 'exit 0' TERM; kill -TERM $PPID; while :; do sleep 0.05; done");
  expect(code).toBe(143);
});
