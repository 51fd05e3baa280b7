import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument, parseSession, runSession, sessionEnvironment } from "@dynamo/docs-check";
import type { Document } from "@dynamo/docs-check";
import { hasNatsServer, startNatsServer } from "@dynamo/nats-server";
import { startProblems } from "./start.ts";
import { runtimeDependencies } from "@dynamo/workspace";
import type { WorkspacePackage } from "@dynamo/workspace";
import type { Consumer } from "./consumer.ts";

const NATS = "@dynamo/request-plane-nats";

export async function readReadme({ folder, path }: WorkspacePackage): Promise<Document> {
  return parseDocument(`${path}/README.md`, await readFile(join(folder, "README.md"), "utf8"));
}

/** The packages of the workspace that readers install besides those that are there, and what these need. */
export function furtherInstalls(
  { installs }: Document,
  there: readonly WorkspacePackage[],
  all: WorkspacePackage[],
): WorkspacePackage[] {
  const named = all.filter(({ manifest }) => installs.includes(manifest.name));
  const needed = named.flatMap((member) => [member, ...runtimeDependencies(member, all)]);
  return [...new Set(needed)].filter((member) => !there.includes(member));
}

/** Imports that work only because some other package brings what they name. */
export function undeclaredImports({ snippets, installs }: Document): string[] {
  return snippets.flatMap(({ code, line }) => {
    const specifiers = [...code.matchAll(/^(?:import|export|\}) .*?["'](?<specifier>[^"'\n]+)["'];?/gm)];
    const names = specifiers.map(({ groups }) => packageOf(groups?.["specifier"] ?? ""));
    return [...new Set(names)]
      .filter((name) => name !== undefined && !installs.includes(name))
      .map((name) => `README.md:${line}: ${name} is imported, but no 'npm install' names it`);
  });
}

/** What went wrong when the README's programs were run as its sessions and its first commands show. */
export async function exampleProblems(document: Document, consumer: Consumer): Promise<string[]> {
  const { snippets, sessions, starts } = document;
  const files = snippets.map(({ file }) => file);
  const runs = sessions.flatMap((session) => parseSession(session, files) ?? []);
  if (runs.length === 0 && starts.length === 0) return ["the README has no example that runs"];
  // NATS is the default plane of programs.
  const needsNats = starts.length > 0 || document.installs.includes(NATS);
  if (needsNats && !(await hasNatsServer())) return [];
  await using nats = needsNats ? await startNatsServer() : undefined;
  const folder = await consumer.newFolder("readme");
  for (const { file, code } of snippets) await writeFile(join(folder, file), code);
  const environment = sessionEnvironment(await consumer.newFolder("discovery"), nats?.url);
  const problems = await runSession(runs, folder, environment);
  for (const [name = "", ...words] of starts) {
    const args = words.map((word, i) => (words[i - 1] === "--http-port" ? "0" : word));
    problems.push(...(await startProblems(consumer.programOf(name), args, environment)));
  }
  return problems;
}

function packageOf(specifier: string): string | undefined {
  if (/^(\.|node:)/.test(specifier)) return undefined;
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}
