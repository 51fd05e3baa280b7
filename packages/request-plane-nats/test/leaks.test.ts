import { spawn } from "node:child_process";
import { once } from "node:events";
import { describeWithNats } from "@dynamo/nats-server/vitest";
import { expect, it, onTestFinished } from "vitest";

describeWithNats("a process ends by itself after it has closed everything", () => {
  it.each([
    "calls",
    "failed requests",
    "silent workers",
    "a killed server",
    "a killed server, at once",
    "a frozen server",
    "a restarted server",
    "first connections that fail",
    "a first connection under way",
  ])("%s", async (scenario) => {
    const program = new URL("support/leak-scenarios.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, [program, scenario], {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    // One that hangs is ended with the server it has started.
    onTestFinished(() => {
      if (child.exitCode === null) process.kill(-child.pid!, "SIGKILL");
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    }
    const [code] = (await once(child, "exit", { signal: AbortSignal.timeout(20_000) }).catch(() => {
      throw new Error(`It is still there: ${output}`);
    })) as [number];
    expect({ code, output }).toEqual({ code: 0, output: "all is closed\n" });
  });
});
