import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { workspacePackages, workspaceRoot } from "@dynamo/workspace";
import type { WorkspacePackage } from "@dynamo/workspace";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packProblems } from "../src/check.ts";
import { strangers } from "../src/strangers.ts";
import { contentProblems } from "../src/tarball.ts";

let root: string;
const bin = { user: "./dist/index.js" };

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
  build("used");
  build("user");
  expect(await problemsOf("user")).toEqual([]);
});

test("finds what would break at a user's", async () => {
  const dist = { ".": "./dist/index.js", "./nowhere": "./dist/nowhere.js" };
  addPackage("user", {
    dependencies: { "@fixture/used": "workspace:^" },
    publishConfig: { bin, exports: dist },
  });
  write("packages/user/src/index.ts", `#!/usr/bin/env node\nthrow new Error("not today");\n`);
  build("used");
  build("user");
  write("packages/user/dist/index.d.ts", `export { two } from "not-published";\n`);
  const problems = await problemsOf("user");
  expect(problems).toContainEqual(expect.stringMatching(/^publint: .*nowhere/));
  expect(problems).toContainEqual(expect.stringMatching(/^attw: .*nowhere/));
  expect(problems).toContainEqual(expect.stringMatching(/^importing @fixture\/user: .*not today/s));
  expect(problems).toContainEqual(expect.stringMatching(/^importing @fixture\/user\/nowhere: /));
  expect(problems).toContainEqual(expect.stringMatching(/error TS.*@fixture\/user\/nowhere/));
  expect(problems).toContainEqual(expect.stringMatching(/error TS.*not-published/));
  expect(problems).toContainEqual(expect.stringMatching(/^user --help: .*not today/s));
});

test("runs the README's example with what the README says to install", async () => {
  build("used");
  build("user");
  write("packages/user/README.md", readme({ installs: "@fixture/user", imports: "@fixture/used" }));
  expect(await problemsOf("user")).toEqual([
    "README.md:5: @fixture/used is imported, but no 'npm install' names it",
  ]);
  write(
    "packages/used/README.md",
    readme({ installs: "@fixture/used @fixture/user", imports: "@fixture/user" }),
  );
  expect(await problemsOf("used")).toEqual([]);
  write("packages/used/README.md", readme({ installs: "@fixture/used", imports: "@fixture/user" }));
  expect(await problemsOf("used")).toContainEqual(
    expect.stringMatching(/^example.ts: .*ERR_MODULE_NOT_FOUND/s),
  );
  write("packages/used/README.md", "# used\n");
  expect(await problemsOf("used")).toEqual(["the README has no example that runs"]);
});

test("finds what a transport would bring along", () => {
  const member = { ...memberOf("used"), manifest: { name: "@dynamo/request-plane-tcp" } };
  const own = ["@dynamo/request-plane-tcp", "@dynamo/request-plane-core"];
  expect(strangers(member, own)).toEqual([]);
  expect(strangers(member, [...own, "undici", "@dynamo/request-plane-nats"])).toEqual([
    "installing @dynamo/request-plane-tcp also brings undici",
    "installing @dynamo/request-plane-tcp also brings @dynamo/request-plane-nats",
  ]);
});

test("finds files that are missing, strange or stale", () => {
  const contents = [
    "package.json",
    "LICENSE",
    "src/two.ts",
    "dist/two.js",
    "dist/gone.js",
    "dist/.tsbuildinfo",
  ];
  expect(contentProblems(memberOf("used"), { file: "used.tgz", contents })).toEqual([
    "README.md is missing from the tarball",
    "src/two.ts has no place in the tarball",
    "dist/.tsbuildinfo has no place in the tarball",
    "dist/gone.js is built from a source that is gone: remove dist and build again",
  ]);
});

function problemsOf(name: string): Promise<string[]> {
  return packProblems(memberOf(name), workspacePackages(root));
}

function memberOf(name: string): WorkspacePackage {
  const member = workspacePackages(root).find(({ path }) => path === `packages/${name}`);
  if (!member) throw new Error(`no package ${name}`);
  return member;
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
    files: ["dist", "!dist/.tsbuildinfo"],
    engines: { node: ">=22.19" },
    publishConfig: {
      exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } },
      ...(name === "user" ? { bin } : {}),
    },
    ...more,
  };
  write(`packages/${name}/package.json`, JSON.stringify(manifest));
  write(`packages/${name}/README.md`, readme({ installs: `@fixture/${name}`, imports: `@fixture/${name}` }));
  write(`packages/${name}/tsconfig.build.json`, JSON.stringify(tsconfig(name)));
}

/** One that prints all that the import has. */
function readme({ installs, imports }: { installs: string; imports: string }): string {
  return [
    ...["```sh", `npm install ${installs}`, "```"],
    ...[
      "```ts",
      "// example.ts",
      `import * as all from "${imports}";`,
      "console.log(Object.keys(all));",
      "```",
    ],
    ...["```console", "$ node example.ts", "[ '…' ]", "```", ""],
  ].join("\n");
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
