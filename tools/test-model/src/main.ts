import { writeTestModel } from "./index.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write("Usage: main.ts FOLDER\n");
  process.exitCode = 2;
} else {
  await writeTestModel(folder);
}
