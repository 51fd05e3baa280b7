import { findProgram } from "./find.ts";
import type { FoundProgram, WantedProgram } from "./find.ts";

/**
 * The program, or `undefined` when there is none to be had, which is then said where nobody overlooks it. In CI
 * (where `CI` is set) that is an error instead.
 */
export async function programForTests(wanted: WantedProgram): Promise<FoundProgram | undefined> {
  try {
    return await findProgram(wanted);
  } catch (error) {
    if (process.env["CI"] !== undefined) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    process.stderr.write(`\n!!! TESTS WITH ${wanted.name} ARE NOT RUN !!!\n${reason}\n\n`);
    return undefined;
  }
}
