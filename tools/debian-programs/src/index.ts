/** Finds the programs that tests need, or unpacks them from Debian's packages. */
export { findProgram, installedProgram } from "./find.ts";
export type { FoundProgram, WantedProgram } from "./find.ts";
export { programForTests } from "./for-tests.ts";
