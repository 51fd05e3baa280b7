import { workspaceRoot } from "@dynamo/workspace";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findDocuments } from "../src/document.ts";
import { brokenLinks } from "../src/links.ts";
import { Playground } from "../src/playground.ts";
import { sessionEnvironment } from "../src/environment.ts";
import { parseSession, runSession } from "../src/session.ts";

const documents = findDocuments(workspaceRoot);
const readmes = documents.filter(({ path }) => /^((packages|apps)\/[^/]+\/)?README\.md$/.test(path));

let playground: Playground;

beforeAll(() => {
  playground = new Playground(workspaceRoot);
  for (const readme of readmes) playground.add(readme);
});

afterAll(() => {
  playground.remove();
});

test("links lead somewhere", () => {
  expect(brokenLinks(documents, workspaceRoot)).toEqual([]);
});

test("snippets compile", async () => {
  expect(await playground.typeErrors()).toEqual([]);
});

// The sessions of packages are run by pack-check, with the packages as they are published.
for (const readme of readmes.filter(({ path }) => path === "README.md")) {
  const files = readme.snippets.map(({ file }) => file);
  for (const session of readme.sessions) {
    const commands = parseSession(session, files);
    if (!commands) continue;
    test(`${readme.path}: the session on line ${session.line} prints what it says`, async () => {
      const environment = sessionEnvironment(playground.newFolder());
      expect(await runSession(commands, playground.folderOf(readme), environment)).toEqual([]);
    });
  }
}
