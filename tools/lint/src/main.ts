import { workspaceRoot } from "@dynamo/workspace";
import { checkImports } from "./boundaries.ts";

const { modules, violations } = await checkImports(workspaceRoot);
for (const { rule, from, to, reason } of violations) {
  process.stderr.write(`${from} imports ${to}: ${reason} (${rule})\n`);
}
process.stdout.write(`${modules} modules, ${violations.length} forbidden imports\n`);
if (violations.length > 0) process.exitCode = 1;
