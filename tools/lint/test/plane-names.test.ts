import { afterEach, beforeEach, expect, test } from "vitest";
import { findPlaneBranches } from "../src/plane-names.ts";
import { Fixture } from "./fixture.ts";

let tree: Fixture;

beforeEach(() => {
  tree = new Fixture();
});

afterEach(() => {
  tree.remove();
});

test.each([
  `if (plane === "nats") connect();`,
  `const isHttp = "http" != transport.name;`,
  `switch (mode) {\n  case "tcp":\n}`,
  "const isTcp = name === `tcp`;",
])("reports a branch on a plane's name: %s", (statement) => {
  for (const file of ["packages/request-plane-core/src/deep/a.ts", "apps/frontend/src/router.ts"]) {
    tree.write(file, `// Two\n\n${statement}`);
    expect(findPlaneBranches(tree.root)).toMatchObject([{ file, line: statement.startsWith("sw") ? 4 : 3 }]);
    tree.write(file, "");
  }
});

test("shows what it found", () => {
  tree.write("apps/frontend/src/router.ts", `if (plane === "nats") connect();`);
  expect(findPlaneBranches(tree.root)).toEqual([
    { file: "apps/frontend/src/router.ts", line: 1, text: `plane === "nats") connect();` },
  ]);
});

test.each([
  "apps/frontend/src/main.ts",
  "apps/frontend/src/planes.ts",
  "apps/mock-worker/src/options.ts",
  "packages/request-plane-nats/src/deep/a.ts",
  "packages/request-plane-core/test/a.test.ts",
  "tools/launch/src/main.ts",
])("lets %s branch", (file) => {
  tree.write(file, `if (plane === "nats") connect();`);
  expect(findPlaneBranches(tree.root)).toEqual([]);
});

test("doesn't mind names in tables and other texts, nor other comparisons", () => {
  const harmless = [
    `export const PACKAGES = { tcp: "@dynamo/request-plane-tcp", nats_tcp: "nats" };`,
    `export const MODES = ["nats", "tcp", "http"];`,
    `export const isPlain = url.protocol === "http:";`,
    `export const total = count + "tcp";`,
  ];
  tree.write("packages/request-plane-core/src/a.ts", harmless.join("\n"));
  expect(findPlaneBranches(tree.root)).toEqual([]);
});
