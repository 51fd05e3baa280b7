import { defaultLogger, readSettings, text } from "@dynamo/request-plane-core";
import type { Environment, Setting, SettingsOf } from "@dynamo/request-plane-core";

/** The variables of discovery, with Dynamo's names. */
export const DISCOVERY_SETTINGS = {
  backend: name(
    "DYN_DISCOVERY_BACKEND",
    "file",
    "file, mem or etcd",
    "Where instances and models are found and registered.",
  ),
  root: text(
    "DYN_FILE_KV",
    "Folder of the file backend. Default: dynamo_store_kv in the folder that TMPDIR names, else in /tmp.",
  ),
  /** Not a variable of Dynamo, whose releases have one layout each. */
  layout: name(
    "DYN_FILE_KV_LAYOUT",
    "0.8",
    "0.8 or 0.7",
    "Names of the files in the folder: 0.8 for releases from there to 1.6, 0.7 for those of 0.7.",
  ),
} as const;

/** Never warns: a backend that isn't there is an error, which is for those who make one. */
export function discoverySettings(environment: Environment): SettingsOf<typeof DISCOVERY_SETTINGS> {
  return readSettings(DISCOVERY_SETTINGS, environment, defaultLogger);
}

/** Any name passes. To use the default instead of an unknown one would be to look in the wrong place. */
function name(variable: string, fallback: string, expected: string, meaning: string): Setting<string> {
  return { ...text(variable, meaning), fallback, expected, parse: (given) => given };
}
