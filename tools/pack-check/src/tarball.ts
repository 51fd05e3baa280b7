import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { problemAffectsResolutionKind } from "@arethetypeswrong/core/problems";
import type { WorkspacePackage } from "@dynamo/workspace";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { mustRun } from "./run.ts";

export interface Tarball {
  /** Absolute path. */
  file: string;
  /** Paths inside the package. */
  contents: string[];
}

/** Packs as `pnpm publish` would. */
export async function pack(member: WorkspacePackage, destination: string): Promise<Tarball> {
  const printed = await mustRun("pnpm", ["pack", "--json", "--pack-destination", destination], member.folder);
  const { filename, files } = JSON.parse(printed) as { filename: string; files: { path: string }[] };
  return { file: filename, contents: files.map(({ path }) => path) };
}

/** A tarball holds the licence, the readme and the build of the sources as they are now, and nothing else. */
export function contentProblems(member: WorkspacePackage, { contents }: Tarball): string[] {
  const missing = ["LICENSE", "README.md", "package.json"].filter((file) => !contents.includes(file));
  const strange = contents.filter((file) => /^dist\/(?!.*\.(js|d\.ts)$)|\.test\.|^(src|test)\//.test(file));
  const stale = contents.filter((file) => {
    const source = /^dist\/(.*)\.js$/.exec(file)?.[1];
    return source !== undefined && !existsSync(join(member.folder, "src", `${source}.ts`));
  });
  return [
    ...missing.map((file) => `${file} is missing from the tarball`),
    ...strange.map((file) => `${file} has no place in the tarball`),
    ...stale.map((file) => `${file} is built from a source that is gone: remove dist and build again`),
  ];
}

/** What publint says, with warnings and suggestions counted as problems. */
export async function manifestProblems({ file }: Tarball): Promise<string[]> {
  const data = await readFile(file);
  const tarball = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
  return messages.map(
    (message) => `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`,
  );
}

/** What "are the types wrong" says about import from ES modules and bundlers; the packages have no other users. */
export async function typeProblems({ file }: Tarball): Promise<string[]> {
  const analysis = await checkPackage(createPackageFromTarballData(await readFile(file)));
  if (!analysis.types) return ["attw: the package has no types"];
  return analysis.problems
    .filter((problem) =>
      (["node16-esm", "bundler"] as const).some((kind) =>
        problemAffectsResolutionKind(problem, kind, analysis),
      ),
    )
    .map((problem) => `attw: ${JSON.stringify(problem)}`);
}
