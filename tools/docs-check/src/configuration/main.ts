/** Writes the page about the settings anew. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { workspacePackages, workspaceRoot } from "@dynamo/workspace";
import { configurationPage, PAGE } from "./page.ts";
import { readSections } from "./sections.ts";

const page = await configurationPage(readSections(workspacePackages()));
writeFileSync(join(workspaceRoot, PAGE), page);
process.stdout.write(`${PAGE} is written\n`);
