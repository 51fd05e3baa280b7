import { workspacePackages } from "@dynamo/workspace";
import { packProblems } from "./check.ts";

const all = workspacePackages();
const member = all.find(({ folder }) => folder === process.cwd());
if (!member) throw new Error(`${process.cwd()} is not the folder of a package of the workspace`);

const problems = await packProblems(member, all);
for (const problem of problems) process.stderr.write(`${problem}\n`);
if (problems.length > 0) process.exitCode = 1;
else process.stdout.write(`${member.manifest.name} is fit to be published\n`);
