import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runtimeDependencies } from "@dynamo/workspace";
import type { WorkspacePackage } from "@dynamo/workspace";
import { Consumer } from "./consumer.ts";
import { contentProblems, manifestProblems, pack, typeProblems } from "./tarball.ts";

/**
 * Packs a built package and everything of the workspace that it needs, installs the tarballs into an empty
 * project and uses them there.
 *
 * @returns what is wrong with the package, one line each.
 */
export async function packProblems(member: WorkspacePackage, all: WorkspacePackage[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "pack-check-"));
  try {
    const tarball = await pack(member, folder);
    const problems = [...contentProblems(member, tarball), ...(await manifestProblems(tarball))];

    const needed = await Promise.all(runtimeDependencies(member, all).map((needs) => pack(needs, folder)));
    const consumer = await Consumer.create(join(folder, "consumer"), [tarball, ...needed]);
    const { name } = member.manifest;
    const { exports = {}, bin = {} } = await consumer.manifestOf(name);
    const specifiers = Object.keys(exports).map((subpath) => name + subpath.slice(1));

    if (specifiers.length > 0) {
      problems.push(...(await typeProblems(tarball)));
      problems.push(...(await consumer.importProblems(specifiers)));
      problems.push(...(await consumer.typeProblems(specifiers, name)));
    }
    problems.push(...(await consumer.binProblems(Object.keys(bin))));
    return problems;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
