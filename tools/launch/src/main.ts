/**
 * `npm start`: the deployment, one answer, and an orderly end whatever happens.
 */
import { findBroker } from "./broker.ts";
import { curlCommand, demonstrate } from "./demo.ts";
import { Deployment } from "./deployment.ts";
import { askedToEnd } from "./endings.ts";
import { parseOptions } from "./options.ts";

const options = parseOptions(process.argv.slice(2));
const baseUrl = `http://127.0.0.1:${options.httpPort}`;
const { stdout, stderr } = process;

const running: { deployment?: Deployment } = {};
const asked = askedToEnd(() => running.deployment?.kill());
const broker = options.plane === "nats" ? await findBroker().catch(cannotStart) : undefined;
const deployment = new Deployment(options.httpPort, options.plane, broker);
running.deployment = deployment;
const aborted = new AbortController();
for (const { name, pid } of deployment.children) stdout.write(`${name}: pid ${String(pid)}\n`);
const plane = broker ? `${options.plane} (${broker.shown})` : options.plane;
stdout.write(`request plane: ${plane}, discovery: file, frontend: ${baseUrl}\n`);

try {
  await Promise.race([show(), asked, aChildDies()]);
} catch (error) {
  stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
aborted.abort();
await deployment.end();
process.exit();

async function show(): Promise<void> {
  await demonstrate(baseUrl, stdout, aborted.signal);
  if (options.once) return;
  stdout.write(`\nAsk it yourself:\n\n${curlCommand(options.httpPort)}\n\nCtrl-C ends everything.\n`);
  await asked;
}

async function aChildDies(): Promise<never> {
  const child = await deployment.firstDeath();
  throw new Error(child.obituary());
}

function cannotStart(error: unknown): never {
  stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
