import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { workspacePackages } from "@dynamo/workspace";
import type { WorkspacePackage } from "@dynamo/workspace";
import type { Document } from "./document.ts";

const require = createRequire(import.meta.url);

/**
 * A temporary folder with the snippets of all documents, each document in a folder of its own, and with the
 * packages of the workspace installed.
 */
export class Playground {
  readonly folder = mkdtempSync(join(tmpdir(), "docs-check-"));

  constructor(root: string) {
    const members = workspacePackages(root).filter(({ path }) => !path.startsWith("tools/"));
    for (const member of members) this.#install(member.manifest.name, member.folder);
    for (const member of members) this.#installDependencies(member);
    for (const name of ["@types/node", "vitest"]) {
      this.#install(name, dirname(require.resolve(`${name}/package.json`)));
    }
    const tsconfig = { extends: join(root, "tsconfig.base.json"), compilerOptions, include: ["**/*.ts"] };
    writeFileSync(join(this.folder, "tsconfig.json"), JSON.stringify(tsconfig));
    writeFileSync(join(this.folder, "package.json"), `{ "type": "module" }`);
    // The compiler wants at least one file, also when no document has a snippet.
    writeFileSync(join(this.folder, "index.ts"), "export {};");
  }

  folderOf(document: Document): string {
    return join(this.folder, document.path);
  }

  add(document: Document): void {
    mkdirSync(this.folderOf(document), { recursive: true });
    for (const { file, code, line } of document.snippets) {
      // Empty lines before it make the line numbers in messages those of the document.
      const text = "\n".repeat(line - 1) + code;
      writeFileSync(join(this.folderOf(document), file), text, { flag: "wx" });
    }
  }

  /** An empty folder that goes away with this one. */
  newFolder(): string {
    return mkdtempSync(join(this.folder, "data-"));
  }

  /** The compiler's messages about the snippets; those about the packages are for the packages' own check. */
  async typeErrors(): Promise<string[]> {
    const tsc = require.resolve("typescript/bin/tsc");
    const output = await new Promise<string>((resolve) => {
      const options = { cwd: this.folder, timeout: 120_000 };
      execFile(process.execPath, [tsc, "--pretty", "false"], options, (error, stdout, stderr) => {
        resolve(error?.killed ? "error TS0: the compiler was stopped after two minutes" : stdout + stderr);
      });
    });
    return output.split("\n").filter((line) => line.includes("error TS") && !line.startsWith(".."));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #installDependencies({ folder, manifest }: WorkspacePackage): void {
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      this.#install(name, join(folder, "node_modules", name));
    }
  }

  #install(name: string, target: string): void {
    const link = join(this.folder, "node_modules", name);
    if (existsSync(link)) return;
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(target, link, "junction");
  }
}

/** A snippet shows one thing and may leave what it made unused. */
const compilerOptions = { noUnusedLocals: false, noUnusedParameters: false };
