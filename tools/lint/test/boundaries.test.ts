import { afterEach, beforeEach, expect, test } from "vitest";
import { checkImports } from "../src/boundaries.ts";
import { Fixture } from "./fixture.ts";

let tree: Fixture;

/** A small workspace in which everything is as it should be; each test breaks one rule. */
beforeEach(() => {
  tree = new Fixture();
  tree.addPackage("packages/request-plane-core");
  tree.addPackage("packages/request-plane-conformance", { dependencies: ["request-plane-core"] });
  tree.addPackage("packages/request-plane-tcp", {
    dependencies: ["request-plane-core", "left-pad"],
    devDependencies: ["request-plane-conformance", "vitest"],
  });
  tree.addPackage("packages/kv-router");
  tree.addPackage("apps/frontend", { dependencies: ["request-plane-tcp"] });
  tree.addPackage("tools/launch", { dependencies: ["frontend"] });
  tree.write(
    "packages/request-plane-tcp/src/index.ts",
    `import net from "node:net";
     import type { name } from "@dynamo/request-plane-core";
     import pad from "left-pad";
     import { helper } from "./helper.ts";`,
  );
  tree.write("packages/request-plane-tcp/src/helper.ts", "export const helper = 1;");
  tree.write(
    "packages/request-plane-tcp/test/a.test.ts",
    `import "vitest"; import "@dynamo/request-plane-conformance"; import "../src/index.ts";`,
  );
  tree.write("apps/frontend/src/index.ts", `import "@dynamo/request-plane-tcp"; export const name = 1;`);
  tree.write("tools/launch/src/index.ts", `import "@dynamo/frontend";`);
});

afterEach(() => {
  tree.remove();
});

test("accepts what is allowed", async () => {
  const { modules, violations } = await checkImports(tree.root);
  expect(violations).toEqual([]);
  expect(modules).toBeGreaterThan(8);
});

test("reports a circle, also of types", async () => {
  tree.write("packages/request-plane-core/src/a.ts", `import { b } from "./b.ts"; export type A = 1;`);
  tree.write("packages/request-plane-core/src/b.ts", `import type { A } from "./a.ts"; export const b = 1;`);
  expect(await brokenRules()).toContain("no-circular");
});

test("reports an import that leads nowhere", async () => {
  tree.write("packages/request-plane-core/src/a.ts", `import "nowhere";`);
  expect(await brokenRules()).toEqual(["resolvable"]);
});

test("reports the inside of another package", async () => {
  tree.write("packages/request-plane-tcp/src/a.ts", `import "@dynamo/request-plane-core/src/index.ts";`);
  expect(await brokenRules()).toEqual(["resolvable"]);
});

test("reports a way into another package's folder", async () => {
  tree.write("packages/request-plane-tcp/src/a.ts", `import "../../request-plane-core/src/index.ts";`);
  expect(await brokenRules()).toEqual(["public-names-only"]);
});

test("reports a dependency that the manifest doesn't list", async () => {
  tree.addThirdParty("node_modules", "undici");
  tree.write("packages/request-plane-core/src/a.ts", `import "undici";`);
  expect(await brokenRules()).toEqual(["declared"]);
});

test.each([`import "vitest";`, `import type { T } from "vitest";`, `await import("vitest");`])(
  "reports a devDependency in published code: %s",
  async (statement) => {
    tree.write("packages/request-plane-tcp/src/a.ts", statement);
    expect(await brokenRules()).toEqual(["no-dev-dependency-in-src"]);
  },
);

test("reports a package of the workspace that the manifest doesn't list", async () => {
  tree.link("node_modules", "request-plane-core");
  tree.write("packages/kv-router/src/a.ts", `import "@dynamo/request-plane-core";`);
  expect(await brokenRules()).toEqual(["declared"]);
});

test.each([
  ["packages/request-plane-core", "request-plane-tcp"],
  ["packages/request-plane-conformance", "request-plane-tcp"],
  ["packages/request-plane-tcp", "kv-router"],
  ["packages/kv-router", "request-plane-tcp"],
  ["packages/unknown", "request-plane-core"],
])("reports an import against the direction: %s -> %s", async (path, name) => {
  tree.addPackage(path, { dependencies: [name] });
  tree.write(`${path}/src/a.ts`, `import "@dynamo/${name}";`);
  expect(await brokenRules()).toContain("direction");
});

test("reports the kit in a transport's published code, even as a dependency", async () => {
  tree.addPackage("packages/request-plane-tcp", {
    dependencies: ["request-plane-core", "request-plane-conformance", "left-pad"],
    devDependencies: ["vitest"],
  });
  tree.write("packages/request-plane-tcp/src/a.ts", `import "@dynamo/request-plane-conformance";`);
  expect(await brokenRules()).toEqual(["direction"]);
});

test.each(["packages/request-plane-core", "apps/mock-worker"])(
  "reports an app imported by %s",
  async (path) => {
    tree.addPackage(path, { dependencies: ["frontend"] });
    tree.write(`${path}/src/a.ts`, `import "@dynamo/frontend";`);
    expect(await brokenRules()).toEqual(["nothing-imports-apps-or-tools"]);
  },
);

test("reports a tool imported by an app", async () => {
  tree.addPackage("apps/mock-worker", { dependencies: ["launch"] });
  tree.write("apps/mock-worker/src/a.ts", `import "@dynamo/launch";`);
  expect(await brokenRules()).toEqual(["nothing-imports-apps-or-tools"]);
});

test("lets tests, and only tests, import a tool that tests are made with", async () => {
  tree.addPackage("tools/nats-server");
  tree.addPackage("packages/request-plane-tcp", {
    dependencies: ["request-plane-core", "left-pad", "nats-server"],
    devDependencies: ["vitest", "request-plane-conformance"],
  });
  tree.write("packages/request-plane-tcp/test/a.test.ts", `import "@dynamo/nats-server";`);
  expect(await brokenRules()).toEqual([]);
  tree.write("packages/request-plane-tcp/src/a.ts", `import "@dynamo/nats-server";`);
  expect(await brokenRules()).toEqual(["nothing-imports-apps-or-tools"]);
});

test.each(["node:net", "net", "node:http2"])("reports a socket in the router: %s", async (module) => {
  tree.write("packages/kv-router/src/a.ts", `import "${module}";`);
  expect(await brokenRules()).toEqual(["no-sockets-in-kv-router"]);
});

/** The rules that the tree breaks now, each once. */
async function brokenRules(): Promise<string[]> {
  const { violations } = await checkImports(tree.root);
  return [...new Set(violations.map(({ rule }) => rule))];
}
