import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/** A place in a source that goes its own way for one request plane. */
export interface PlaneBranch {
  /** Path from the root. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly text: string;
}

const PLANES = ["tcp", "http", "nats"];
/** Where a program is put together, and the planes themselves. */
const MAY_BRANCH = [
  ...["main", "planes", "options", "option-values"].map((name) => `apps/*/src/${name}.ts`),
  ...PLANES.map((plane) => `packages/request-plane-${plane}/src/**/*.ts`),
  // Event planes have names too, one of them the same.
  "packages/event-plane/src/choose.ts",
];
const COMPARISONS = new Set([
  ts.SyntaxKind.EqualsEqualsToken,
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
]);

/**
 * Comparisons with the name of a plane, and cases of it, in the sources of packages and apps: whatever differs
 * between planes belongs into the transport, or into its `capabilities`.
 */
export function findPlaneBranches(root: string): PlaneBranch[] {
  const files = globSync("{packages,apps}/*/src/**/*.ts", { cwd: root, exclude: MAY_BRANCH });
  return files.sort().flatMap((file) => branchesIn(root, file));
}

function branchesIn(root: string, file: string): PlaneBranch[] {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.Latest);
  const found: PlaneBranch[] = [];
  const visit = (node: ts.Node): void => {
    if (isBranch(node)) {
      const start = node.getStart(source);
      const { line } = source.getLineAndCharacterOfPosition(start);
      const [text = ""] = source.text.slice(start).split("\n", 1);
      found.push({ file, line: line + 1, text });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isBranch(node: ts.Node): boolean {
  if (ts.isCaseClause(node)) return isPlaneName(node.expression);
  if (!ts.isBinaryExpression(node) || !COMPARISONS.has(node.operatorToken.kind)) return false;
  return isPlaneName(node.left) || isPlaneName(node.right);
}

function isPlaneName(node: ts.Node): boolean {
  return ts.isStringLiteralLike(node) && PLANES.includes(node.text);
}
