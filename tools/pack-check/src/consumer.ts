import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Manifest } from "@dynamo/workspace";
import { mustRun, run } from "./run.ts";
import type { Tarball } from "./tarball.ts";

const require = createRequire(import.meta.url);

/** A project that has nothing but these tarballs and what npm installs for them. */
export class Consumer {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async create(folder: string, tarballs: Tarball[]): Promise<Consumer> {
    await mkdir(folder);
    await writeFile(join(folder, "package.json"), `{ "private": true, "type": "module" }`);
    const consumer = new Consumer(folder);
    await consumer.install(tarballs);
    return consumer;
  }

  async install(tarballs: readonly Pick<Tarball, "file">[]): Promise<void> {
    const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    // A request that hangs is made again in time.
    const network = ["--prefer-offline", "--fetch-timeout=20000", "--fetch-retry-mintimeout=1000"];
    await mustRun(
      "npm",
      ["install", ...quiet, ...network, ...tarballs.map(({ file }) => file)],
      this.#folder,
    );
  }

  /** Names of all packages that are there, also of those that others brought. */
  async installed(): Promise<string[]> {
    const text = await readFile(join(this.#folder, "node_modules/.package-lock.json"), "utf8");
    const { packages } = JSON.parse(text) as { packages: object };
    return Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, ""));
  }

  /** An empty folder from which everything that is installed can be imported. */
  async newFolder(name: string): Promise<string> {
    const folder = join(this.#folder, name);
    await mkdir(folder);
    return folder;
  }

  /** The manifest as published: `exports` and `bin` point to the build. */
  async manifestOf(name: string): Promise<Manifest> {
    const file = join(this.#folder, "node_modules", name, "package.json");
    return JSON.parse(await readFile(file, "utf8")) as Manifest;
  }

  async importProblems(specifiers: string[]): Promise<string[]> {
    const problems = specifiers.map(async (specifier) => {
      const script = `await import(${JSON.stringify(specifier)})`;
      const { ok, output } = await run(process.execPath, ["--input-type=module", "-e", script], this.#folder);
      return ok && output === "" ? [] : [`importing ${specifier}: ${output}`];
    });
    return (await Promise.all(problems)).flat();
  }

  /** Errors in the package's own declarations count; those in the declarations of others don't. */
  async typeProblems(specifiers: string[], name: string): Promise<string[]> {
    const lines = specifiers.map(
      (specifier, i) => `export * as entry${i} from ${JSON.stringify(specifier)};`,
    );
    await writeFile(join(this.#folder, "index.ts"), lines.join("\n"));
    await writeFile(
      join(this.#folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions, files: ["index.ts"] }),
    );
    await mkdir(join(this.#folder, "node_modules/@types"), { recursive: true });
    const nodeTypes = dirname(require.resolve("@types/node/package.json"));
    await symlink(nodeTypes, join(this.#folder, "node_modules/@types/node"), "junction").catch(ifThere);

    const tsc = require.resolve("typescript/bin/tsc");
    const { output } = await run(process.execPath, [tsc, "--pretty", "false"], this.#folder);
    const scope = `node_modules/${name.split("/")[0] ?? name}/`;
    return output.split("\n").filter((line) => line.includes("error TS") && !isForeign(line, scope));
  }

  /** Where a program of an installed package is. */
  programOf(name: string): string {
    return join(this.#folder, "node_modules/.bin", name);
  }

  async binProblems(names: string[]): Promise<string[]> {
    const problems = names.map(async (name) => {
      const { ok, output } = await run(join("node_modules/.bin", name), ["--help"], this.#folder);
      return ok && output !== "" ? [] : [`${name} --help: ${output}`];
    });
    return (await Promise.all(problems)).flat();
  }
}

const compilerOptions = {
  module: "nodenext",
  target: "es2024",
  lib: ["es2024", "esnext.disposable"],
  types: ["node"],
  strict: true,
  noEmit: true,
};

function isForeign(line: string, scope: string): boolean {
  return line.startsWith("node_modules/") && !line.startsWith(scope);
}

function ifThere(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
