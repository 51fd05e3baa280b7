/**
 * Settings of file discovery.
 */
import { join } from "node:path";
import { defaultLogger, RequestPlaneError } from "@dynamo/request-plane-core";
import type { Environment, Logger } from "@dynamo/request-plane-core";
import { discoverySettings } from "../settings.ts";
import { FILE_LAYOUTS } from "./layout.ts";
import type { FileLayout, FileLayoutName } from "./layout.ts";

export interface FileDiscoveryOptions {
  /** The folder that all share. Default: `DYN_FILE_KV`, else `dynamo_store_kv` in `TMPDIR` or `/tmp`. */
  readonly root?: string | undefined;
  /** Default: `DYN_FILE_KV_LAYOUT`, else `0.8`, for Dynamo 0.8 to 1.6. */
  readonly layout?: FileLayoutName | undefined;
  /**
   * How long a record lives after its last touch, in milliseconds. Default 10 000, as in Dynamo; all who share a
   * folder should agree. The layout 0.7 knows no leases.
   */
  readonly leaseMs?: number | undefined;
  /** Time between two touches of the own records, in milliseconds. Default: three tenths of the lease. */
  readonly touchMs?: number | undefined;
  /** Where settings are read from, once. Default: `process.env`. */
  readonly environment?: Environment | undefined;
  /** Default: warnings go to `process.emitWarning`. */
  readonly logger?: Logger | undefined;
}

export interface FileSettings {
  readonly root: string;
  readonly layout: FileLayout;
  readonly leaseMs: number;
  readonly touchMs: number;
  readonly rescanMs: number;
  readonly logger: Logger;
}

/** Node's timers take no more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Where Dynamo keeps its records when nothing else is said. */
export function defaultFileRoot(env: Environment = process.env): string {
  const { TMPDIR: temporary = "" } = env;
  return discoverySettings(env).root ?? join(temporary === "" ? "/tmp" : temporary, "dynamo_store_kv");
}

/** Throws `invalid_configuration`. */
export function resolveFileSettings(options: FileDiscoveryOptions): FileSettings {
  const { leaseMs = 10_000, environment = process.env } = options;
  const layout: string = options.layout ?? discoverySettings(environment).layout;
  const { touchMs = leaseMs * 0.3 } = options;
  if (!isLayoutName(layout)) {
    const expected = Object.keys(FILE_LAYOUTS).join(" or ");
    throw invalid(`Unknown file layout '${layout}' (DYN_FILE_KV_LAYOUT): expected ${expected}`);
  }
  if (!(leaseMs >= 1 && leaseMs <= MAX_TIMER_MS))
    throw invalid(`leaseMs must be 1 to ${MAX_TIMER_MS}, not ${leaseMs}`);
  if (!(touchMs > 0 && touchMs < leaseMs))
    throw invalid(`touchMs must be above 0 and below leaseMs, not ${touchMs}`);
  return {
    root: options.root ?? defaultFileRoot(environment),
    layout: FILE_LAYOUTS[layout],
    leaseMs,
    touchMs,
    rescanMs: Math.min(Math.max(leaseMs / 10, 50), 1000),
    logger: options.logger ?? defaultLogger,
  };
}

function isLayoutName(name: string): name is FileLayoutName {
  return Object.hasOwn(FILE_LAYOUTS, name);
}

function invalid(message: string): RequestPlaneError {
  return new RequestPlaneError("invalid_configuration", `${message}.`);
}
