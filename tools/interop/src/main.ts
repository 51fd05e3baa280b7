/**
 * `npm run interop`: wheels, cells, a table, a page. The exit code is 0 when no cell failed.
 */
import { mkdtempDisposable, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNatsServer } from "@dynamo/nats-server";
import type { CellResult } from "./cell.ts";
import { loadCells } from "./cells.ts";
import { requireNetwork } from "./network.ts";
import { parseOptions } from "./options.ts";
import type { InteropOptions } from "./options.ts";
import { pageWith } from "./page.ts";
import { findPython } from "./python.ts";
import { lineOf, tableOf } from "./report.ts";
import { runCells } from "./run.ts";
import { Wheels } from "./wheels.ts";

const PAGE = new URL("../../../docs/interop.md", import.meta.url);
const { stdout, stderr } = process;
// Each process of the suite adds one; the default warns at the eleventh.
process.setMaxListeners(0);

// What a cell that failed has left under way, and nobody waits for any more.
process.on("unhandledRejection", (error) => stderr.write(`Too late for its cell: ${String(error)}\n`));

// Our programs start many times, in half the time when Node keeps what it has compiled.
process.env["NODE_COMPILE_CACHE"] ??= new URL("../node_modules/.cache/node/", import.meta.url).pathname;

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

try {
  await interop(parseOptions(process.argv.slice(2)));
} catch (error) {
  stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
// Whatever a cell that failed has left open ends with the suite.
process.exit();

async function interop(options: InteropOptions): Promise<void> {
  const { releases, planes, only, concurrency, isWhole } = options;
  const python = await findPython();
  requireNetwork();
  const wheels = new Wheels(python);
  stderr.write(`Installing Dynamo ${releases.join(", ")} for Python ${python.version}\n`);
  await Promise.all(releases.map((release) => wheels.pythonOf(release)));
  if (options.installsOnly) return;
  await using folder = await mkdtempDisposable(join(tmpdir(), "dynamo-interop-nats-"));
  // Dynamo 0.7 wants JetStream on every plane.
  const jetStream = `jetstream { store_dir: ${JSON.stringify(folder.path)} }`;
  await using server = await startNatsServer({ lines: [jetStream] });
  const cells = (await loadCells()).filter(
    ({ section, name }) => only === undefined || `${section}: ${name}`.includes(only),
  );
  if (cells.length === 0) throw new Error(`No cell has '${only ?? ""}' in its section or name`);
  const results = await runCells(
    { cells, releases, planes, concurrency },
    { natsUrl: server.url, wheels },
    (result) => stderr.write(`${lineOf(result)}\n`),
  );
  stdout.write(`${tableOf(results)}\nAfter ${(performance.now() / 1000).toFixed(0)} s.\n`);
  if (isWhole) await writePage(results, `Python ${python.version} and Node ${process.versions.node}`);
  if (results.some(({ status }) => status === "fail")) process.exitCode = 1;
}

async function writePage(results: readonly CellResult[], versions: string): Promise<void> {
  const page = await readFile(PAGE, "utf8").catch(() => "");
  await writeFile(PAGE, pageWith(page, results, { date: new Date().toISOString().slice(0, 10), versions }));
}
