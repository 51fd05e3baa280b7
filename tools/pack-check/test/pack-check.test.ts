import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { workspacePackages, workspaceRoot } from "@dynamo/workspace";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packProblems } from "../src/check.ts";

let root: string;

/** A workspace of two good packages, of which `user` needs `used`; each test spoils one thing. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "pack-check-test-"));
  write("package.json", `{ "private": true }`);
  write("pnpm-workspace.yaml", "packages: [packages/*]\npmOnFail: ignore\n");
  write("LICENSE", "free\n");
  symlinkSync(join(workspaceRoot, "node_modules"), join(root, "node_modules"), "junction");
  addPackage("used", {});
  write("packages/used/src/index.ts", `export { two } from "./two.ts";\n`);
  write("packages/used/src/two.ts", "export const two: number = 2;\n");
  addPackage("user", { dependencies: { "@fixture/used": "workspace:^" } });
  write(
    "packages/user/src/index.ts",
    `#!/usr/bin/env node\nimport { two } from "@fixture/used";\nexport const three: number = two + 1;\n` +
      `if (process.argv.includes("--help")) process.stdout.write("help\\n");\n`,
  );
  mkdirSync(join(root, "packages/user/node_modules/@fixture"), { recursive: true });
  symlinkSync(
    join(root, "packages/used"),
    join(root, "packages/user/node_modules/@fixture/used"),
    "junction",
  );
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

test("finds nothing wrong with good packages", async () => {
  expect(await problemsOf("used")).toEqual([]);
  expect(await problemsOf("user")).toEqual([]);
});

test("finds files that are missing, strange or stale", async () => {
  rmSync(join(root, "packages/used/README.md"));
  addPackage("used", { files: ["dist", "src"] });
  build("used");
  write("packages/used/dist/gone.js", "");
  rmSync(join(root, "packages/used/README.md"));
  const problems = await packProblemsOf("used");
  expect(problems).toContain("README.md is missing from the tarball");
  expect(problems).toContain("src/index.ts has no place in the tarball");
  expect(problems).toContain("dist/.tsbuildinfo has no place in the tarball");
  expect(problems).toContainEqual(
    expect.stringContaining("dist/gone.js is built from a source that is gone"),
  );
});

test("finds exports that lead nowhere", async () => {
  addPackage("used", { publishConfig: { exports: { ".": "./dist/nowhere.js" } } });
  const problems = await problemsOf("used");
  expect(problems).toContainEqual(expect.stringContaining("publint:"));
  expect(problems).toContainEqual(expect.stringContaining("attw:"));
  expect(problems).toContainEqual(expect.stringContaining("importing @fixture/used:"));
  expect(problems).toContainEqual(expect.stringMatching(/error TS.*@fixture\/used/));
});

test("finds declarations that need what is not published", async () => {
  build("used");
  write("packages/used/dist/two.d.ts", `export { two } from "not-published";\n`);
  expect(await packProblemsOf("used")).toContainEqual(expect.stringMatching(/error TS.*not-published/));
});

test("finds a program that does not start", async () => {
  write("packages/user/src/index.ts", `#!/usr/bin/env node\nthrow new Error("not today");\n`);
  const problems = await problemsOf("user");
  expect(problems).toContainEqual(expect.stringMatching(/^user --help: .*not today/s));
});

async function problemsOf(name: string): Promise<string[]> {
  build("used");
  if (name !== "used") build(name);
  return packProblemsOf(name);
}

async function packProblemsOf(name: string): Promise<string[]> {
  const all = workspacePackages(root);
  const member = all.find(({ path }) => path === `packages/${name}`);
  if (!member) throw new Error(`no package ${name}`);
  return packProblems(member, all);
}

function build(name: string): void {
  const tsc = join(workspaceRoot, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "-b", "tsconfig.build.json"], {
    cwd: join(root, "packages", name),
    stdio: "inherit",
  });
}

function addPackage(name: string, more: object): void {
  const manifest = {
    name: `@fixture/${name}`,
    version: "1.2.3",
    license: "Apache-2.0",
    type: "module",
    exports: { ".": "./src/index.ts" },
    ...(name === "user" ? { bin: { user: "./src/index.ts" } } : {}),
    files: ["dist", "!dist/.tsbuildinfo"],
    engines: { node: ">=22.19" },
    publishConfig: {
      exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } },
      ...(name === "user" ? { bin: { user: "./dist/index.js" } } : {}),
    },
    ...more,
  };
  write(`packages/${name}/package.json`, JSON.stringify(manifest));
  write(`packages/${name}/README.md`, `# ${name}\n`);
  write(`packages/${name}/tsconfig.build.json`, JSON.stringify(tsconfig(name)));
}

/** The same settings as in the packages of this workspace. */
function tsconfig(name: string): object {
  return {
    extends: join(workspaceRoot, "tsconfig.base.json"),
    compilerOptions: {
      composite: true,
      noEmit: false,
      declaration: true,
      rootDir: "src",
      outDir: "dist",
      tsBuildInfoFile: "dist/.tsbuildinfo",
    },
    include: ["src"],
    references: name === "user" ? [{ path: "../used/tsconfig.build.json" }] : [],
  };
}

function write(path: string, content: string): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}
