import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { findProgram, installedProgram, programForTests } from "../src/index.ts";

const run = promisify(execFile);
const NOWHERE = { name: "no-such-program", package: "no-such-package" };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "debian-programs-"));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

test("takes what is on the PATH", async () => {
  const path = join(folder, "no-such-program");
  await writeFile(path, "#!/bin/sh\n");
  await chmod(path, 0o755);
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"] ?? ""}`);
  expect(await findProgram(NOWHERE)).toEqual({ path, environment: {} });
});

test("says why there is none", async () => {
  expect(await installedProgram(NOWHERE)).toBe(undefined);
  await expect(findProgram(NOWHERE)).rejects.toThrow(/no-such-program.*package no-such-package: .+/s);
});

test("says loudly that tests are not run, and fails in CI", async () => {
  const said: unknown[] = [];
  vi.spyOn(process.stderr, "write").mockImplementation((text) => said.push(text) > 0);
  vi.stubEnv("CI", undefined);
  expect(await programForTests(NOWHERE)).toBe(undefined);
  expect(said.join("")).toMatch(/TESTS WITH no-such-program ARE NOT RUN.*no-such-package/s);
  vi.stubEnv("CI", "true");
  await expect(programForTests(NOWHERE)).rejects.toThrow("no-such-package");
});

/** Only what is needed beyond an ordinary system is unpacked, so the program has to start with it. */
const haproxy = await programForTests({ name: "haproxy", package: "haproxy" });
test.skipIf(haproxy === undefined)("finds a program with the libraries it needs", async () => {
  const { path, environment } = haproxy!;
  const { stdout } = await run(path, ["-v"], { env: environment });
  expect(stdout).toMatch(/^HAProxy version \d/);
});
