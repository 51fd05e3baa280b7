/**
 * The Python with real Dynamo, where `npm run interop` has installed it.
 */
import { findPython } from "@dynamo/interop/python";
import { Wheels } from "@dynamo/interop/wheels";
import type { Subject } from "./subject.ts";

export const DYNAMO_RELEASE = "1.6.1";
/** What installs it. */
export const INSTALL_DYNAMO = `npm run interop -- --release ${DYNAMO_RELEASE} --plane tcp`;

export interface WithDynamo {
  /** The subjects that can be measured. */
  readonly subjects: readonly Subject[];
  /** The path of a Python. */
  readonly dynamoPython: string | undefined;
}

/** Leaves out, with one line to `report`, what needs Dynamo when it is not there. Installs nothing. */
export async function prepareDynamo(
  all: readonly Subject[],
  report: (line: string) => void,
  find: () => Promise<string | undefined> = findDynamo,
): Promise<WithDynamo> {
  const needing = all.filter(({ needs }) => needs === "dynamo");
  if (needing.length === 0) return { subjects: all, dynamoPython: undefined };
  const dynamoPython = await find();
  if (dynamoPython !== undefined) return { subjects: all, dynamoPython };
  const names = needing.map(({ name }) => name).join(", ");
  report(`Left out: ${names} (Dynamo ${DYNAMO_RELEASE} is not installed; \`${INSTALL_DYNAMO}\` installs it)`);
  return { subjects: all.filter((subject) => !needing.includes(subject)), dynamoPython };
}

/** The path of a Python that has it. Installs nothing. */
export async function findDynamo(): Promise<string | undefined> {
  const python = await findPython().catch(() => undefined);
  return python && (await new Wheels(python).installedPythonOf(DYNAMO_RELEASE));
}
