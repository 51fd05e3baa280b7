import { DISCOVERY_SETTINGS, ETCD_SETTINGS } from "@dynamo/discovery";
import { EVENT_PLANE_SETTINGS } from "@dynamo/event-plane";
import { JETSTREAM_SETTINGS } from "@dynamo/event-plane/jetstream";
import { ZMQ_SETTINGS } from "@dynamo/event-plane/zmq";
import { CORE_SETTINGS } from "@dynamo/request-plane-core";
import type { SettingsTable } from "@dynamo/request-plane-core";
import { HTTP_SETTINGS } from "@dynamo/request-plane-http";
import { NATS_SETTINGS } from "@dynamo/request-plane-nats";
import { TCP_SETTINGS } from "@dynamo/request-plane-tcp";
import type { WorkspacePackage } from "@dynamo/workspace";
import { rowsOfProgram } from "./help.ts";
import { rowsOfTable } from "./rows.ts";
import type { Row } from "./rows.ts";

/** The settings of one package or program. */
export interface Section {
  title: string;
  /** Path of the package from the workspace's root. */
  path: string;
  /** What the rows' names are. */
  names: "Option" | "Flag";
  /** What there is to say besides the table. */
  text: string;
  rows: Row[];
}

const tables: { path: string; table: SettingsTable; text: string }[] = [
  {
    path: "packages/request-plane-core",
    table: CORE_SETTINGS,
    text: "Options are those of `createNetworkManager({ settings })`.",
  },
  { path: "packages/request-plane-tcp", table: TCP_SETTINGS, text: "Options are those of `tcp()`." },
  {
    path: "packages/request-plane-nats",
    table: NATS_SETTINGS,
    text:
      "Options are those of `nats()`. Whether addresses, logins and certificates are of use shows when " +
      "a connection is made: where they aren't, the first request or the first endpoint fails.",
  },
  { path: "packages/request-plane-http", table: HTTP_SETTINGS, text: "Options are those of `http()`." },
  {
    path: "packages/discovery",
    table: { ...DISCOVERY_SETTINGS, ...ETCD_SETTINGS },
    text:
      "Options are those of `discoveryFromEnv(environment, options)` and `etcdDiscovery()`. A backend that " +
      "isn't there is an error, also in the environment: another one would not show the same workers.",
  },
  {
    path: "packages/event-plane",
    table: { ...EVENT_PLANE_SETTINGS, ...ZMQ_SETTINGS, ...JETSTREAM_SETTINGS },
    text:
      "Options are those of `eventPlaneFromEnv()`, `zmqEvents()` and `jetStreamPlane()`; over NATS the settings of the NATS plane count. " +
      "An event plane that isn't there is an error, also in the environment.",
  },
];

const programs = ["apps/frontend", "apps/mock-worker"];

/** All settings of the workspace. Starts its programs, for their help. */
export function readSections(members: WorkspacePackage[]): Section[] {
  const member = (path: string): WorkspacePackage => {
    const found = members.find((candidate) => candidate.path === path);
    if (!found) throw new Error(`there is no package in ${path}`);
    return found;
  };
  return [
    ...tables.map(({ path, table, text }): Section => {
      return { title: member(path).manifest.name, path, names: "Option", text, rows: rowsOfTable(table) };
    }),
    ...programs.map((path): Section => {
      const { name, bin = {} } = member(path).manifest;
      const text = `The program \`${Object.keys(bin).join("`, `")}\`.`;
      return { title: name, path, names: "Flag", text, rows: rowsOfProgram(member(path)) };
    }),
  ];
}
