import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { workspaceRoot } from "@dynamo/workspace";
import { parseDocument } from "../src/document.ts";
import { brokenLinks } from "../src/links.ts";
import { matches } from "../src/match.ts";
import { Playground } from "../src/playground.ts";
import { sessionEnvironment } from "../src/environment.ts";
import { parseSession, runSession } from "../src/session.ts";

function block(language: string, ...lines: string[]): string {
  return ["```" + language, ...lines, "```", ""].join("\n");
}

test("links to files and headings that are not there are reported", () => {
  const markdown = [
    "# One title, `code`",
    "[good](package.json) [good](#one-title-code) [good](tools/lint/) [good](https://example.com/x)",
    "[bad](nowhere.md) ![bad](nowhere.png) [bad](#two) [bad](../outside.md)",
    "[bad]",
    "",
    "[bad]: ./nowhere.txt",
  ].join("\n");
  const broken = brokenLinks([parseDocument("PAGE.md", markdown)], workspaceRoot).map(
    (text) => text.split(" ")[3],
  );
  expect(broken).toEqual(["nowhere.md,", "nowhere.png,", "#two,", "../outside.md,", "./nowhere.txt,"]);
});

test("an ellipsis stands for text in a line, and for lines", () => {
  expect(matches(["on port …", "a.b (c)"], ["on port 4711", "a.b (c)"])).toBe(true);
  expect(matches(["a.b"], ["axb"])).toBe(false);
  expect(matches(["a", "…", "z"], ["a", "b", "c", "z"])).toBe(true);
  expect(matches(["a", "…", "z"], ["a", "z"])).toBe(true);
  expect(matches(["a", "…", "z"], ["a", "b"])).toBe(false);
  expect(matches(["a"], ["a", "b"])).toBe(false);
  expect(matches([], [])).toBe(true);
});

describe("snippets and sessions", () => {
  let playground: Playground;

  beforeEach(() => {
    playground = new Playground(workspaceRoot);
  });

  afterEach(() => {
    playground.remove();
  });

  const worker = block(
    "ts",
    "// worker.ts",
    `import { appendFileSync } from "node:fs";`,
    `appendFileSync(\`\${process.env["DYN_FILE_KV"]}/said\`, process.argv[2] ?? "nothing");`,
    `console.log("ready", process.env["GREETING"]);`,
    "setInterval(() => {}, 1000);",
  );
  const caller = block(
    "ts",
    "// caller.ts",
    `import { readFileSync } from "node:fs";`,
    `console.log(readFileSync(\`\${process.env["DYN_FILE_KV"]}/said\`, "utf8"));`,
  );

  async function problemsOf(...lines: string[]): Promise<string[]> {
    const readme = parseDocument("README.md", worker + caller + block("console", ...lines));
    playground.add(readme);
    const [session] = readme.sessions;
    const commands = session && parseSession(session, ["worker.ts", "caller.ts"]);
    if (!commands) throw new Error("no session");
    return runSession(commands, playground.folderOf(readme), sessionEnvironment(playground.newFolder()));
  }

  test("a worker and a caller share what the worker leaves", async () => {
    const problems = await problemsOf(
      "$ npm install x",
      "$ GREETING=hi node worker.ts 42 &",
      "ready hi",
      "$ node caller.ts",
      "42",
    );
    expect(problems).toEqual([]);
  });

  test("another output is reported", async () => {
    const [problem] = await problemsOf("$ node worker.ts 42 &", "ready …", "$ node caller.ts", "43");
    expect(problem).toContain("caller.ts: ended otherwise\nexpected:\n43\nprinted:\n42");
  });

  test("a program that fails is reported", async () => {
    const [problem] = await problemsOf("$ node caller.ts");
    expect(problem).toContain("exit code: 1");
    expect(problem).toContain("ENOENT");
  });

  test("a background program that ends early is reported", async () => {
    const [problem] = await problemsOf("$ node caller.ts &", "42");
    expect(problem).toContain("ended before it printed");
  });

  test("a snippet that does not compile is reported with the line of the document", async () => {
    const code = block("ts", "const one: number = 1;", `export const two: string = one;`);
    playground.add(parseDocument("README.md", `# Title\n\n${code}`));
    const errors = await playground.typeErrors();
    expect(errors).toEqual([expect.stringMatching(/^README\.md\/line-4\.ts\(5,14\): error TS2322/)]);
  });

  test("two snippets of one name are refused", () => {
    expect(() => {
      playground.add(parseDocument("README.md", caller + caller));
    }).toThrow("EEXIST");
  });
});

test("a session of other commands is left alone, a mixed one refused", () => {
  expect(parseSession({ text: "$ npm start\n$ curl localhost:8000", line: 1 }, ["a.ts"])).toBe(undefined);
  expect(() => parseSession({ text: "$ node a.ts &\n$ curl localhost:8000", line: 1 }, ["a.ts"])).toThrow(
    "line 1",
  );
});
