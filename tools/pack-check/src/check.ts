import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runtimeDependencies } from "@dynamo/workspace";
import type { WorkspacePackage } from "@dynamo/workspace";
import { Consumer } from "./consumer.ts";
import { exampleProblems, furtherInstalls, readReadme, undeclaredImports } from "./readme.ts";
import { strangers } from "./strangers.ts";
import { contentProblems, manifestProblems, pack, typeProblems } from "./tarball.ts";

/**
 * Packs a built package and everything of the workspace that it needs, installs the tarballs into an empty
 * project and uses them there. Then installs what its README says and runs the README's example.
 *
 * @returns what is wrong with the package, one line each.
 */
export async function packProblems(member: WorkspacePackage, all: WorkspacePackage[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "pack-check-"));
  try {
    const tarball = await pack(member, folder);
    const problems = [...contentProblems(member, tarball), ...(await manifestProblems(tarball))];

    const needed = runtimeDependencies(member, all);
    const tarballs = await Promise.all(needed.map((needs) => pack(needs, folder)));
    const consumer = await Consumer.create(join(folder, "consumer"), [tarball, ...tarballs]);
    problems.push(...strangers(member, await consumer.installed()));
    const { name } = member.manifest;
    const { exports = {}, bin = {}, peerDependencies = {} } = await consumer.manifestOf(name);
    const specifiers = Object.keys(exports).map((subpath) => name + subpath.slice(1));

    if (specifiers.length > 0) {
      problems.push(...(await typeProblems(tarball)));
      // The main entry works alone; others may need the peers.
      if (specifiers.includes(name)) problems.push(...(await consumer.importProblems([name])));
      const peers = await packPeers(peerDependencies, all, folder);
      if (peers.length > 0) await consumer.install(peers);
      problems.push(...(await consumer.importProblems(specifiers.filter((entry) => entry !== name))));
      problems.push(...(await consumer.typeProblems(specifiers, name)));
    }
    problems.push(...(await consumer.binProblems(Object.keys(bin))));

    const readme = await readReadme(member);
    const further = furtherInstalls(readme, [member, ...needed], all);
    await consumer.install(await Promise.all(further.map((needs) => pack(needs, folder))));
    problems.push(...undeclaredImports(readme));
    problems.push(...(await exampleProblems(readme, consumer)));
    return problems;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Peers of the workspace as they would be published, with what they need; the others come from the registry. */
async function packPeers(
  peers: Readonly<Record<string, string>>,
  all: WorkspacePackage[],
  folder: string,
): Promise<{ file: string }[]> {
  const ours = all.filter(({ manifest }) => Object.hasOwn(peers, manifest.name));
  const needed = new Set(ours.flatMap((peer) => [peer, ...runtimeDependencies(peer, all)]));
  const packed = await Promise.all([...needed].map((peer) => pack(peer, folder)));
  const others = Object.entries(peers).filter(
    ([name]) => !ours.some(({ manifest }) => manifest.name === name),
  );
  return [...packed, ...others.map(([name, range]) => ({ file: `${name}@${range}` }))];
}
