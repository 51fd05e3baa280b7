import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { hasNatsServer, startNatsServer } from "@dynamo/nats-server";
import { describeWithNats } from "@dynamo/nats-server/vitest";
import { freePort } from "@dynamo/test-support/free-port";
import { USUAL_SERVER, isNats } from "../src/broker.ts";
import { Launcher, MAIN } from "./launcher.ts";

const ANSWER = "Hello! These words went to a worker and came back, one token at a time.";

const hasNats = await hasNatsServer();
/** Where a server runs at the usual place, the launcher takes that one. */
const startsItsOwn = hasNats && !(await isNats(USUAL_SERVER));

async function launch(...args: string[]) {
  const port = await freePort();
  return { port, launcher: new Launcher(process.execPath, [MAIN, "--http-port", String(port), ...args]) };
}

describe("the launcher", () => {
  it.for([
    { args: [], plane: "tcp" },
    { args: ["--tcp"], plane: "tcp" },
    { args: ["--http"], plane: "http" },
    { args: ["--nats"], plane: "nats" },
  ])("shows one streamed answer with its timing and ends with --once and $args", async (run, { skip }) => {
    skip(run.plane === "nats" && !hasNats, "needs a nats-server");
    const { launcher } = await launch("--once", ...run.args);
    expect(await launcher.ended).toBe(0);
    expect(launcher.stderr).toBe("");
    expect(launcher.stdout).toMatch(new RegExp(`^request plane: ${run.plane}\\b`, "m"));
    expect(launcher.stdout).toContain(`> ${ANSWER}\n< ${ANSWER}\n`);
    expect(launcher.stdout).toMatch(
      /15 tokens: the first after [\d.]+ ms, all after [\d.]+ ms, \d+ tokens\/s/,
    );
    await launcher.expectNothingLeft();
  });

  it("stays up and tells how to ask, and its frontend answers", async () => {
    const { launcher, port } = await launch();
    await launcher.up();
    expect(launcher.stdout).toContain(`curl http://localhost:${port}/v1/chat/completions`);
    const body = /-d '([^']+)'/.exec(launcher.stdout)?.[1] ?? "";
    const headers = { "content-type": "application/json" };
    const url = `http://127.0.0.1:${port}/v1/chat/completions`;
    // More requests than workers, so that each of them answers.
    for (let request = 0; request < 4; request++) {
      const answer = (await (await fetch(url, { method: "POST", headers, body })).json()) as object;
      expect(answer).toMatchObject({ choices: [{ message: { content: "Hello!" }, finish_reason: "stop" }] });
    }
    launcher.process.kill("SIGINT");
    expect(await launcher.ended).toBe(0);
    await launcher.expectNothingLeft();
  });

  it("ends everything on SIGTERM, also while it starts", async () => {
    const { launcher } = await launch();
    await launcher.says("request plane: tcp");
    launcher.process.kill("SIGTERM");
    expect(await launcher.ended).toBe(0);
    await launcher.expectNothingLeft();
  });

  it("takes the echo of a signal for what it is", async () => {
    const { launcher } = await launch();
    await launcher.up();
    launcher.process.kill("SIGINT");
    launcher.process.kill("SIGINT");
    expect(await launcher.ended).toBe(0);
    await launcher.expectNothingLeft();
  });

  it.each(["frontend", "worker 1", "worker 2"])("ends when %s dies, and says so", async (name) => {
    const { launcher } = await launch();
    await launcher.up();
    const [pid = 0] = launcher.pids(name);
    process.kill(pid, "SIGKILL");
    expect(await launcher.ended).toBe(1);
    expect(launcher.stderr).toContain(`${name} (pid ${pid}) was killed by SIGKILL.`);
    await launcher.expectNothingLeft();
  });

  it("leaves no process behind when it is killed itself", async () => {
    const { launcher } = await launch();
    await launcher.up();
    launcher.process.kill("SIGKILL");
    await launcher.ended;
    await expect.poll(() => launcher.left()).toEqual([]);
  });

  it("ends when whoever started it is killed", async () => {
    const port = await freePort();
    const script = `"${process.execPath}" "${MAIN}" --http-port ${port}; echo not reached`;
    const launcher = new Launcher("/bin/sh", ["-c", script]);
    await launcher.up();
    launcher.process.kill("SIGKILL");
    await launcher.ended;
    await launcher.expectNothingLeft();
  });

  it("ends quietly when nobody reads its output any more", async () => {
    const { launcher } = await launch();
    await launcher.says("request plane: tcp");
    launcher.process.stdout?.destroy();
    expect(await launcher.ended).toBe(0);
    expect(launcher.stderr).toBe("");
    await launcher.expectNothingLeft();
  });

  it.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)("ends when npm gets %s", async (signal) => {
    const folder = mkdtempSync(join(tmpdir(), "npm-start-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const start = `exec "${process.execPath}" "${MAIN}" --http-port ${await freePort()}`;
    writeFileSync(join(folder, "package.json"), JSON.stringify({ scripts: { start } }));
    const launcher = new Launcher("npm", ["start", "--prefix", folder]);
    await launcher.up();
    launcher.process.kill(signal);
    await launcher.ended;
    await launcher.expectNothingLeft();
  });

  it("names the port and the setting when the port is taken", async () => {
    const port = await freePort();
    const server = createServer().listen(port, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const launcher = new Launcher(process.execPath, [MAIN, "--http-port", String(port)]);
    expect(await launcher.ended).toBe(1);
    expect(launcher.stderr).toContain("frontend (pid ");
    expect(launcher.stderr).toContain(String(port));
    expect(launcher.stderr).toContain("DYN_HTTP_PORT");
    await launcher.expectNothingLeft();
  });
});

// Skipped where there is no program, which fails in CI, and where a server runs at the usual place already.
describe.skipIf(!startsItsOwn)("a nats-server of the launcher's own", () => {
  it("is there while the launcher is, and gone with it", async () => {
    const { launcher } = await launch("--nats");
    await launcher.up();
    expect(launcher.stdout).toMatch(/^request plane: nats \(nats:\/\/127\.0\.0\.1:\d+, started for this\)/m);
    expect(launcher.natsServers()).toHaveLength(1);
    launcher.process.kill("SIGINT");
    expect(await launcher.ended).toBe(0);
    expect(launcher.stderr).toBe("");
    await launcher.expectNothingLeft();
  });

  it("is gone also when the launcher is killed", async () => {
    const { launcher } = await launch("--nats");
    await launcher.up();
    launcher.process.kill("SIGKILL");
    await launcher.ended;
    await expect.poll(() => launcher.left()).toEqual([]);
  });

  it.each(["the server", "what keeps it"])("ends everything when %s is killed", async (victim) => {
    const { launcher } = await launch("--nats");
    await launcher.up();
    const [server = 0] = launcher.natsServers();
    const [keeper = 0] = launcher.pids("nats-server");
    process.kill(victim === "the server" ? server : keeper, "SIGKILL");
    expect(await launcher.ended).toBe(1);
    expect(launcher.stderr).toContain(`nats-server (pid ${keeper}) `);
    await expect.poll(() => launcher.left()).toEqual([]);
  });
});

describeWithNats("a nats-server that runs already", () => {
  it("is used when NATS_SERVER names it, and stays", async () => {
    await using server = await startNatsServer();
    const args = [MAIN, "--nats", "--once", "--http-port", String(await freePort())];
    const launcher = new Launcher(process.execPath, args, { NATS_SERVER: server.url });
    expect(await launcher.ended).toBe(0);
    expect(launcher.stdout).toContain("request plane: nats (the server of NATS_SERVER), ");
    expect(launcher.pids("nats-server")).toEqual([]);
    await launcher.expectNothingLeft();
    expect(await isNats(server.url)).toBe(true);
  });
});

it("names NATS_SERVER when nobody answers there", async () => {
  const args = [MAIN, "--nats", "--http-port", String(await freePort())];
  const launcher = new Launcher(process.execPath, args, { NATS_SERVER: "nats://127.0.0.1:1" });
  expect(await launcher.ended).toBe(1);
  expect(launcher.stderr).toMatch(/^worker [12] \(pid \d+\) ended with exit code 1\./m);
  expect(launcher.stderr).toContain("set NATS_SERVER to where one runs");
  await launcher.expectNothingLeft();
});

describe("the command line", () => {
  async function run(...args: string[]) {
    const launcher = new Launcher(process.execPath, [MAIN, ...args]);
    return { code: await launcher.ended, stdout: launcher.stdout, stderr: launcher.stderr };
  }

  it.each(["-h", "--help"])("explains itself with %s", async (flag) => {
    const { code, stdout } = await run(flag);
    expect(code).toBe(0);
    for (const option of ["--tcp", "--http ", "--nats", "--once", "--http-port"])
      expect(stdout).toContain(option);
  });

  it.each([
    [["--http", "--nats"], "error: option '--http' cannot be used with option '--nats'\n"],
    [["--nats", "--tcp"], "error: option '--tcp' cannot be used with option '--nats'\n"],
    [["--frobnicate"], "error: unknown option '--frobnicate'\n"],
    [["surplus"], "too many arguments"],
    [["--http-port", "0"], "A port is a number from 1 to 65535."],
  ])("refuses %j with exit code 2", async (args, message) => {
    const { code, stdout, stderr } = await run(...args);
    expect(stderr).toContain(message);
    expect([code, stdout]).toEqual([2, ""]);
  });
});
