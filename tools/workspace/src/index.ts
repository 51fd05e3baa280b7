import { globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** The part of a package.json that the tools read. */
export interface Manifest {
  name: string;
  private?: boolean;
  bin?: Record<string, string>;
  exports?: Record<string, unknown>;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

/** A package of the workspace. */
export interface WorkspacePackage {
  /** Absolute path. */
  folder: string;
  /** Path from the workspace's root, with forward slashes: `packages/discovery`. */
  path: string;
  manifest: Manifest;
}

/** The workspace that these tools belong to. */
export const workspaceRoot = resolve(import.meta.dirname, "../../..");

/** All packages below `packages`, `apps` and `tools`, in the order of their paths. */
export function workspacePackages(root = workspaceRoot): WorkspacePackage[] {
  return globSync("{packages,apps,tools}/*/package.json", { cwd: root })
    .map((file) => dirname(file).replaceAll("\\", "/"))
    .sort()
    .map((path) => ({ path, folder: join(root, path), manifest: readManifest(join(root, path)) }));
}

/** Throws when the folder has no package.json. */
export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

/**
 * The packages of the workspace that `start` needs at run time, directly or not, each once and without
 * `start` itself.
 */
export function runtimeDependencies(start: WorkspacePackage, all: WorkspacePackage[]): WorkspacePackage[] {
  const found = new Set<WorkspacePackage>([start]);
  // A Set's iterator also visits what is added on the way.
  for (const { manifest } of found) {
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      const dependency = all.find((candidate) => candidate.manifest.name === name);
      if (dependency) found.add(dependency);
    }
  }
  found.delete(start);
  return [...found];
}
