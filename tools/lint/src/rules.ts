import type { IRegularForbiddenRuleType } from "dependency-cruiser";
import type { WorkspacePackage } from "@dynamo/workspace";

/** What a folder below `packages` may import from the workspace: for its users, and in its own tests. */
interface Allowed {
  src: string[];
  test?: string[];
}

const core = "request-plane-core";
const transport: Allowed = { src: [core], test: ["request-plane-conformance"] };

/** The direction of the design: towards the core, and never from one transport to another. */
const allowedImports: Record<string, Allowed> = {
  [core]: { src: [] },
  "request-plane-tcp": transport,
  "request-plane-nats": transport,
  "request-plane-http": transport,
  "request-plane-conformance": { src: [core] },
  discovery: { src: [core] },
  "kv-router": { src: [core] },
  preprocessor: { src: [core, "discovery"] },
  "event-plane": { src: [core, "discovery", "kv-router", "request-plane-nats"], test: ["request-plane-tcp"] },
};

/** Tools that tests of packages and apps are made with. */
const testTools = [
  "tools/debian-programs",
  "tools/etcd-server",
  "tools/nats-server",
  "tools/test-model",
  "tools/test-support",
  "tools/test-world",
];
const isForTests = ({ path }: WorkspacePackage): boolean => testTools.includes(path);

const anyMember = "^(packages|apps|tools)/([^/]+)/";
const sockets = ["net", "tls", "dgram", "http", "https", "http2"];

/**
 * The rules of who may import whom, for dependency-cruiser with preserved symlinks: a package of the workspace
 * that is imported by its name is seen as `<importer>/node_modules/<name>/...`, like any other dependency.
 */
export function importRules(members: WorkspacePackage[]): IRegularForbiddenRuleType[] {
  return [
    rule("no-circular", "imports form a circle", {}, { circular: true }),
    rule(
      "resolvable",
      "the import leads nowhere, or past the package's public names",
      {},
      { couldNotResolve: true },
    ),
    rule(
      "declared",
      "the importing package's manifest doesn't list this dependency",
      { path: anyMember },
      { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    ),
    rule(
      "no-dev-dependency-in-src",
      "published code imports a devDependency, which its users don't get",
      { path: "^(packages|apps)/[^/]+/src/" },
      // What is a peer too, its users install themselves.
      { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["npm-peer"] },
    ),
    rule(
      "public-names-only",
      "reaches into the folder of another package instead of importing its name",
      { path: anyMember },
      { path: anyMember, pathNot: ["^$1/$2/", "/node_modules/"] },
    ),
    rule(
      "nothing-imports-apps-or-tools",
      "apps and tools are the end of the line: only tools may import them",
      { path: "^(packages|apps)/" },
      {
        path: importOf(
          members.filter((member) => !member.path.startsWith("packages/") && !isForTests(member)),
        ),
      },
    ),
    rule(
      "nothing-imports-apps-or-tools",
      "what tests are made with is for tests only",
      { path: "^(packages|apps)/[^/]+/src/" },
      { path: importOf(members.filter(isForTests)) },
    ),
    rule(
      "no-sockets-in-kv-router",
      "routing knows nothing about sockets",
      { path: "^packages/kv-router/" },
      { dependencyTypes: ["core"], path: `^(node:)?(${sockets.join("|")})$` },
    ),
    ...members
      .filter(({ path }) => path.startsWith("packages/"))
      .flatMap((member) => direction(member, members)),
  ];
}

/** A package that the table doesn't know may import nothing of the workspace. */
function direction({ path }: WorkspacePackage, members: WorkspacePackage[]): IRegularForbiddenRuleType[] {
  const allowed = allowedImports[path.slice("packages/".length)] ?? { src: [] };
  const packages = members.filter((member) => member.path.startsWith("packages/") && member.path !== path);
  const except = (names: string[]) =>
    packages.filter((member) => !names.includes(member.path.slice("packages/".length)));
  const comment = "against the direction of the design, see tools/lint/src/rules.ts";
  return [
    rule("direction", comment, { path: `^${path}/src/` }, { path: importOf(except(allowed.src)) }),
    rule(
      "direction",
      comment,
      { path: `^${path}/`, pathNot: `^${path}/src/` },
      { path: importOf(except([...allowed.src, ...(allowed.test ?? [])])) },
    ),
  ];
}

/** Matches a module that was reached through the name of one of these packages; matches nothing for none. */
function importOf(members: WorkspacePackage[]): string {
  const names = members.map(({ manifest }) => manifest.name.replaceAll(".", "[.]"));
  return names.length === 0 ? "^$" : `(^|/)node_modules/(${names.join("|")})/`;
}

function rule(
  name: string,
  comment: string,
  from: IRegularForbiddenRuleType["from"],
  to: IRegularForbiddenRuleType["to"],
): IRegularForbiddenRuleType {
  return { name, comment, severity: "error", from, to };
}
