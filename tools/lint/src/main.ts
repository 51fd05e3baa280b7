import { workspaceRoot } from "@dynamo/workspace";
import { checkImports } from "./boundaries.ts";
import { findPlaneBranches } from "./plane-names.ts";

const { modules, violations } = await checkImports(workspaceRoot);
for (const { rule, from, to, reason } of violations) {
  process.stderr.write(`${from} imports ${to}: ${reason} (${rule})\n`);
}
const branches = findPlaneBranches(workspaceRoot);
for (const { file, line, text } of branches) {
  process.stderr.write(`${file}:${line} branches on the name of a request plane: ${text}\n`);
}
process.stdout.write(
  `${modules} modules, ${violations.length} forbidden imports, ${branches.length} branches on a plane's name\n`,
);
if (violations.length + branches.length > 0) process.exitCode = 1;
