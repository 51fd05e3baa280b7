import { findProgram, installedProgram, programForTests } from "@dynamo/debian-programs";

const NATS_SERVER = { name: "nats-server", package: "nats-server" };

/** The path of a `nats-server` that is on this machine: on the PATH, where Debian puts it, or fetched before. */
export async function installedNatsServer(): Promise<string | undefined> {
  return (await installedProgram(NATS_SERVER))?.path;
}

/** The same, or else the one of Debian's package. Rejects with the reason when there is none to be had. */
export async function findNatsServer(): Promise<string> {
  return (await findProgram(NATS_SERVER)).path;
}

/** Whether tests can have one. When not, that is said on standard error; where `CI` is set it is an error. */
export async function hasNatsServer(): Promise<boolean> {
  return (await programForTests(NATS_SERVER)) !== undefined;
}
