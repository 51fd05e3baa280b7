import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNetworkManager } from "@dynamo/request-plane-core";
import type { Handler, Instance } from "@dynamo/request-plane-core";
import { describe, expect, it } from "vitest";
import { referenceHandler } from "../src/index.ts";
import type { ConformanceReport, ReferenceRequest } from "../src/index.ts";
import { LocalDiscovery } from "../src/world/local-discovery.ts";
import { socket } from "./support/socket-module.ts";

const PROGRAM = join(import.meta.dirname, "../src/main.ts");
const MODULE = "./support/socket-module.ts";

interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the program as users do. */
async function program(...args: readonly string[]): Promise<Finished> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: import.meta.dirname });
  const text = { out: "", err: "" };
  child.stdout.on("data", (chunk: Buffer) => (text.out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (text.err += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, ...text };
}

/** A worker in this process, which the program knows by its address alone. */
async function serve(
  handler: Handler<ReferenceRequest, unknown>,
  run: (instance: Instance, address: string) => Promise<void>,
): Promise<void> {
  await using manager = createNetworkManager({ transports: [socket()], discovery: new LocalDiscovery() });
  const served = await manager.endpoint<ReferenceRequest>("test.conformance.worker").serve(handler);
  await run(served.instance, `socket:${served.instance.transport["socket"]!}`);
}

describe("the program", () => {
  it("passes a good worker, and says which cases were not run and why", async () => {
    await serve(referenceHandler(), async (_instance, address) => {
      const { code, out, err } = await program("--transport", MODULE, "--address", address);
      expect(out.match(/^FAILED .*\n.*$/gm)).toBeNull();
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toMatch(/^group +passed +failed +not run$/m);
      expect(out).toMatch(/^streaming +\d+ +0 +\d+$/m);
      expect(out).toMatch(/^\d+ not run: the worker is not started by the kit$/m);
    });
  });

  it("fails a worker that answers wrong, with a report for programs", async () => {
    const good = referenceHandler();
    const wrong: Handler<ReferenceRequest, unknown> = (request, context) =>
      request.do === "digest" ? [{ length: 0, sha256: "" }] : good(request, context);
    await serve(wrong, async (instance) => {
      const record = JSON.stringify({ ...instance, instance_id: 1 }).replace(
        '"instance_id":1',
        `"instance_id":${instance.instance_id}`,
      );
      const { code, out } = await program(
        "--transport",
        MODULE,
        "--instance",
        record,
        "--json",
        "--group",
        "delivery",
      );
      const report = JSON.parse(out) as ConformanceReport;
      expect(code).toBe(1);
      const failed = report.results.filter(({ status }) => status === "failed");
      expect(failed.map(({ name }) => name)).toContain("a text of 1024 letters is the same at the worker");
      expect(report.failed).toBe(failed.length);
      expect(report.passed).toBeGreaterThan(10);
      expect(new Set(report.results.map(({ group }) => group))).toEqual(new Set(["delivery"]));
    });
  });

  it("keeps all digits of the instance's id, and reads the record from a file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "conformance-"));
    try {
      await serve(referenceHandler(), async ({ transport }) => {
        const file = join(folder, "instance.json");
        await writeFile(
          file,
          `{"instance_id":18446744073709551615,"transport":${JSON.stringify(transport)}}`,
        );
        const { code, out } = await program(
          ...["--transport", MODULE, "--instance", `@${file}`, "--group", "end and errors", "--json"],
        );
        const { results } = JSON.parse(out) as ConformanceReport;
        const name = "an error says which request, endpoint and instance it is about";
        expect(results.find((result) => result.name === name)?.status).toBe("passed");
        expect(code).toBe(0);
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.each([
    [["--address", "socket:x"], /--transport/],
    [["--transport", MODULE], /--address or --instance/],
    [["--transport", MODULE, "--address", "nonsense"], /no address/],
    [["--transport", MODULE, "--instance", "{"], /JSON/],
    [["--transport", MODULE, "--instance", "{}"], /no transport/],
    [
      ["--transport", MODULE, "--address", "socket:x", "--factory", "notAFactory"],
      /no function 'notAFactory'/,
    ],
    [["--transport", "@nobody/has-this", "--address", "socket:x"], /has-this/],
    [["--transport", MODULE, "--address", "socket:x", "--concurrency", "0"], /1 to 999/],
    [["--transport", MODULE, "--address", "socket:x", "--group", "jokes"], /Allowed choices/],
  ])("exits with 2 and a word about %j", async (args, word) => {
    const { code, err } = await program(...args);
    expect(err).toMatch(word);
    expect(code).toBe(2);
  });

  it("fails every case when nobody is there, and ends", async () => {
    const args = ["--address", "socket:127.0.0.1:1/a/b/c/d", "--group", "headers and metadata"];
    const { code, out } = await program("--transport", MODULE, ...args);
    expect(code).toBe(1);
    expect(out).toMatch(/FAILED headers and metadata/);
  });
});
