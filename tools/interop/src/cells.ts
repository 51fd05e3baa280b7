import { readdir } from "node:fs/promises";
import type { Cell } from "./cell.ts";

const FOLDER = new URL("cells/", import.meta.url);

/** What each file in `cells/` exports as `cells`, in the order of the files' names. */
export async function loadCells(): Promise<readonly Cell[]> {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith(".ts")).sort();
  const modules = await Promise.all(
    files.map(async (file) => (await import(new URL(file, FOLDER).href)) as { cells?: readonly Cell[] }),
  );
  return modules.flatMap(({ cells }, index) => {
    if (!cells) throw new Error(`cells/${files[index] ?? ""} exports no 'cells'`);
    return cells;
  });
}
