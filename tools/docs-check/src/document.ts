import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fromMarkdown } from "mdast-util-from-markdown";
import { toString } from "mdast-util-to-string";
import type { Code } from "mdast";
import { slug } from "github-slugger";
import { visit } from "unist-util-visit";

/** A fenced block of TypeScript. */
export interface Snippet {
  /** The name in a comment on its first line, `// worker.ts`, or one made from its place. */
  file: string;
  code: string;
  /** Number of the line in the document on which the code begins. */
  line: number;
}

/** A fenced `console` block: commands after `$`, each followed by what it prints. */
export interface Session {
  text: string;
  line: number;
}

export interface Document {
  /** From the root, with forward slashes. */
  path: string;
  snippets: Snippet[];
  sessions: Session[];
  /** What its lines with `npm install` name. */
  installs: string[];
  /** The programs that it then starts with `npx`, each as its words. */
  starts: string[][];
  links: { url: string; line: number }[];
  /** The anchors that its headings offer. */
  anchors: Set<string>;
}

/** Every page but the change logs. */
export function findDocuments(root: string): Document[] {
  return globSync(["*.md", ".changeset/README.md", "docs/**/*.md", "{packages,apps,tools}/*/*.md"], {
    cwd: root,
  })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => !path.endsWith("CHANGELOG.md"))
    .sort()
    .map((path) => parseDocument(path, readFileSync(join(root, path), "utf8")));
}

export function parseDocument(path: string, markdown: string): Document {
  const document: Document = {
    path,
    snippets: [],
    sessions: [],
    installs: [],
    starts: [],
    links: [],
    anchors: new Set(),
  };
  visit(fromMarkdown(markdown), (node) => {
    const line = node.position?.start.line ?? 0;
    if (node.type === "heading") document.anchors.add(slug(toString(node)));
    else if (node.type === "code") addCode(document, node, line + 1);
    else if (node.type === "link" || node.type === "image" || node.type === "definition") {
      document.links.push({ url: node.url, line });
    }
  });
  return document;
}

function addCode(document: Document, { lang, value }: Code, line: number): void {
  const installs = packagesInstalled(value);
  document.installs.push(...installs);
  if (installs.length > 0) document.starts.push(...programsStarted(value));
  if (lang === "console") document.sessions.push({ text: value, line });
  if (lang !== "ts") return;
  const file = /^\/\/ ([\w-]+\.ts)\s*$/m.exec(value.split("\n", 1)[0] ?? "")?.[1] ?? `line-${line}.ts`;
  document.snippets.push({ file, code: value, line });
}

function packagesInstalled(text: string): string[] {
  const lines = text.matchAll(/^(?:\$ )?npm install (?<words>.+)$/gm);
  const words = [...lines].flatMap(({ groups }) => groups?.["words"]?.split(" ") ?? []);
  return words.filter((word) => word !== "" && !word.startsWith("-"));
}

function programsStarted(text: string): string[][] {
  return [...text.matchAll(/^(?:\$ )?npx (?<words>.+)$/gm)].map(
    ({ groups }) => groups?.["words"]?.split(" ") ?? [],
  );
}
