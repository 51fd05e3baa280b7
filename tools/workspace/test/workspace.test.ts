import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runtimeDependencies, workspacePackages } from "../src/index.ts";
import type { WorkspacePackage } from "../src/index.ts";

function member(name: string, dependencies: Record<string, string> = {}): WorkspacePackage {
  return { folder: `/${name}`, path: name, manifest: { name, dependencies } };
}

test("finds the packages of this workspace", () => {
  const paths = workspacePackages().map(({ path }) => path);
  expect(paths).toContain("packages/request-plane-core");
  expect(paths).toContain("tools/workspace");
  expect(paths).toEqual(paths.toSorted());
});

test("follows dependencies to the end, and names each once", () => {
  const core = member("core");
  const tcp = member("tcp", { core: "workspace:^", undici: "^8.0.0" });
  const app = member("app", { tcp: "workspace:^", core: "workspace:^" });
  expect(runtimeDependencies(app, [app, core, tcp])).toEqual([tcp, core]);
  expect(runtimeDependencies(core, [app, core, tcp])).toEqual([]);
});

test("tests of every package bear a machine that is busy", () => {
  const tested = workspacePackages().filter(({ folder }) => existsSync(join(folder, "test")));
  for (const { folder, path } of tested) {
    expect(readFileSync(join(folder, "vitest.config.ts"), "utf8"), path).toContain("PATIENCE");
  }
});
