import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import type { Document } from "./document.ts";

/** Links to files and headings that are not there; links to other hosts are not followed. */
export function brokenLinks(documents: Document[], root: string): string[] {
  return documents.flatMap((document) =>
    document.links
      .filter(({ url }) => !/^[a-z][a-z+.-]*:/i.test(url))
      .filter(({ url }) => !leadsSomewhere(url, document, documents, root))
      .map(({ url, line }) => `${document.path}:${line} links to ${url}, which is not there`),
  );
}

function leadsSomewhere(url: string, from: Document, documents: Document[], root: string): boolean {
  const [target = "", anchor] = url.split("#");
  const path = target === "" ? from.path : posix.join(posix.dirname(from.path), decodeURI(target));
  const document = documents.find((candidate) => candidate.path === path);
  if (document) return anchor === undefined || document.anchors.has(anchor);
  return !path.startsWith("..") && existsSync(join(root, path));
}
