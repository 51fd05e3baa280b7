import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

/** Short names, `request-plane-core` for `@dynamo/request-plane-core`. */
interface Lists {
  dependencies?: string[];
  devDependencies?: string[];
}

/** A workspace in a temporary folder, installed as pnpm does it: members are links to their folders. */
export class Fixture {
  readonly root = mkdtempSync(join(tmpdir(), "boundaries-"));
  readonly #members = new Map<string, string>();

  constructor() {
    this.write("package.json", "{}");
  }

  /** Adds a member with one exported name, or gives a present one other dependencies. */
  addPackage(path: string, { dependencies = [], devDependencies = [] }: Lists = {}): void {
    const manifest = {
      name: `@dynamo/${basename(path)}`,
      type: "module",
      exports: { ".": "./src/index.ts" },
      dependencies: this.#versions(dependencies),
      devDependencies: this.#versions(devDependencies),
    };
    this.#members.set(basename(path), path);
    this.write(`${path}/package.json`, JSON.stringify(manifest));
    this.write(`${path}/src/index.ts`, "export const name = 1;");
    rmSync(join(this.root, path, "node_modules"), { recursive: true, force: true });
    for (const name of [...dependencies, ...devDependencies]) {
      if (this.#members.has(name)) this.link(`${path}/node_modules`, name);
      else this.addThirdParty(`${path}/node_modules`, name);
    }
  }

  addThirdParty(modules: string, name: string): void {
    this.write(`${modules}/${name}/package.json`, JSON.stringify({ name, main: "index.js" }));
    this.write(`${modules}/${name}/index.js`, "");
  }

  link(modules: string, member: string): void {
    const target = this.#members.get(member);
    if (target === undefined) throw new Error(`add ${member} first`);
    mkdirSync(join(this.root, modules, "@dynamo"), { recursive: true });
    symlinkSync(join(this.root, target), join(this.root, modules, "@dynamo", member), "junction");
  }

  write(path: string, content: string): void {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
  }

  #versions(names: string[]): Record<string, string> {
    return Object.fromEntries(names.map((name) => [this.#members.has(name) ? `@dynamo/${name}` : name, "*"]));
  }
}
