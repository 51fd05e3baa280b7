import { existsSync } from "node:fs";
import { join } from "node:path";
import { workspacePackages } from "@dynamo/workspace";
import { cruise } from "dependency-cruiser";
import { importRules } from "./rules.ts";

export interface Violation {
  rule: string;
  /** Path of the importing file, from the root. */
  from: string;
  /** What it imports, as written when known. */
  to: string;
  reason: string;
}

/** Reads every import below `packages`, `apps` and `tools`, and says which of them break a rule. */
export async function checkImports(root: string): Promise<{ modules: number; violations: Violation[] }> {
  const forbidden = importRules(workspacePackages(root));
  const folders = ["packages", "apps", "tools"].filter((folder) => existsSync(join(root, folder)));
  const { output } = await cruise(
    folders,
    {
      baseDir: root,
      validate: true,
      ruleSet: { forbidden },
      // Type-only imports count: they reach the published .d.ts files.
      tsPreCompilationDeps: true,
      preserveSymlinks: true,
      doNotFollow: { path: "node_modules" },
      exclude: { path: "(^|/)(dist|coverage)/" },
    },
    { exportsFields: ["exports"], conditionNames: ["types", "import", "node", "default"] },
  );
  if (typeof output === "string") throw new Error(`dependency-cruiser answered with text: ${output}`);
  const reasons = new Map(forbidden.map(({ name, comment }) => [name, comment ?? ""]));
  const violations = output.summary.violations.map(({ rule, from, to, unresolvedTo }) => ({
    rule: rule.name,
    from,
    to: unresolvedTo ?? to,
    reason: reasons.get(rule.name) ?? "",
  }));
  return { modules: output.summary.totalCruised, violations };
}
