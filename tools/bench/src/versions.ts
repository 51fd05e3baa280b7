/**
 * Which releases of other projects are measured.
 */
import { readFile } from "node:fs/promises";
import { DYNAMO_RELEASE } from "./dynamo-wheel.ts";
import type { Subject } from "./subject.ts";

const PACKAGES = [
  "@grpc/grpc-js",
  "@connectrpc/connect",
  "@connectrpc/connect-node",
  "@nats-io/transport-node",
];
const MODULES = new URL("../node_modules/", import.meta.url);

/** Name and version of each. */
export async function measuredVersions(subjects: readonly Subject[]): Promise<string[]> {
  const versions = await Promise.all(PACKAGES.map(async (name) => `${name} ${await versionOf(name)}`));
  const hasDynamo = subjects.some(({ needs }) => needs === "dynamo");
  return hasDynamo ? [...versions, `Dynamo ${DYNAMO_RELEASE}`] : versions;
}

async function versionOf(name: string): Promise<string> {
  const manifest = await readFile(new URL(`${name}/package.json`, MODULES), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
