/**
 * What is tested from the command line: a transport of some package, and an instance that it is to reach.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { isEndpointRecord } from "@dynamo/request-plane-core";
import type { EndpointRecord, Transport } from "@dynamo/request-plane-core";

/** Makes a transport anew, for one case. */
export type MakeTransport = () => Transport;

const NAME = { namespace: "conformance", component: "reference", endpoint: "generate" };

/** The record of `scheme:address`. Throws when the text has no scheme. */
export function recordOfAddress(text: string): EndpointRecord {
  const [, scheme, address] = /^([a-z][a-z0-9_]*):(.+)$/s.exec(text) ?? [];
  if (scheme === undefined || address === undefined) {
    throw new Error(
      `'${text}' is no address: expected scheme:address, for example tcp:127.0.0.1:9999/a1/ns/comp/ep`,
    );
  }
  return { type: "Endpoint", ...NAME, instance_id: 1n, transport: { [scheme]: address } };
}

/** The record in a JSON text, or in the file after an `@`. Ids keep all their digits. */
export function recordOfJson(text: string): EndpointRecord {
  const json = text.startsWith("@") ? readFileSync(text.slice(1), "utf8") : text;
  const parsed = parseJson(json, (key, value, context) =>
    key === "instance_id" && context?.source !== undefined ? BigInt(context.source) : value,
  );
  const record = { ...NAME, ...(parsed as object), type: "Endpoint", instance_id: idIn(parsed) };
  if (!isEndpointRecord(record)) throw new Error("The instance record has no transport with an address");
  return record;
}

/**
 * The factory of a transport's package, which is looked for from the current folder. Without a name it is the
 * export that is called like the plane: `tcp` for `tcp`, `nats` for `nats_tcp`.
 */
export async function loadTransport(
  specifier: string,
  scheme: string,
  factory: string = scheme.split("_")[0] ?? scheme,
): Promise<(options: object) => Transport> {
  const module = (await import(urlOf(specifier))) as Record<string, unknown>;
  const make = module[factory];
  if (typeof make !== "function")
    throw new Error(`${specifier} exports no function '${factory}'; see --factory`);
  return make as (options: object) => Transport;
}

export function schemeOf(record: EndpointRecord): string {
  return Object.keys(record.transport)[0] ?? "";
}

function urlOf(specifier: string): string {
  const here = process.cwd();
  const file = /^\.{0,2}\//.test(specifier)
    ? resolve(here, specifier)
    : createRequire(join(here, "package.json")).resolve(specifier);
  return pathToFileURL(file).href;
}

function idIn(value: unknown): bigint {
  const id: unknown = (value as { instance_id?: unknown } | null)?.instance_id ?? 1n;
  return typeof id === "bigint" ? id : BigInt(String(id));
}

/** In V8 since Node 22, not in TypeScript's library yet: the reviver is told how the value is written. */
const parseJson = JSON.parse as (
  text: string,
  reviver: (key: string, value: unknown, context?: { source?: string }) => unknown,
) => unknown;
