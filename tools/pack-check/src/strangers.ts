import type { WorkspacePackage } from "@dynamo/workspace";

/**
 * What an installation brings besides packages of this workspace. A library that brings more has to be written
 * down here first; the apps bring what they like.
 */
const BRINGS: Readonly<Record<string, RegExp | undefined>> = {
  "@dynamo/request-plane-core": /^$/,
  "@dynamo/request-plane-tcp": /^$/,
  "@dynamo/request-plane-http": /^$/,
  "@dynamo/request-plane-nats": /^(@nats-io\/(transport-node|nats-core|nkeys|nuid)|tweetnacl)$/,
  "@dynamo/request-plane-conformance": /^commander$/,
  "@dynamo/discovery": /^$/,
};
/** Those of the workspace that a library brings; never a transport. */
const WORKSPACE = /^@dynamo\/request-plane-core$/;

/** Packages that were installed and that the package's users didn't ask for. */
export function strangers({ manifest }: WorkspacePackage, installed: readonly string[]): string[] {
  const brings = BRINGS[manifest.name];
  if (!brings) return [];
  return installed
    .filter((name) => name !== manifest.name && !WORKSPACE.test(name) && !brings.test(name))
    .map((name) => `installing ${manifest.name} also brings ${name}`);
}
