import { defaultLogger, readSettings, text } from "@dynamo/request-plane-core";
import type { Environment, Setting, SettingsOf } from "@dynamo/request-plane-core";

/** The variables of discovery, with Dynamo's names. */
export const DISCOVERY_SETTINGS = {
  backend: backendName(
    "DYN_DISCOVERY_BACKEND",
    "file",
    "Where instances and models are found and registered.",
  ),
  root: text(
    "DYN_FILE_KV",
    "Folder of the file backend. Default: dynamo_store_kv in the folder that TMPDIR names, else in /tmp.",
  ),
} as const;

/** Never warns: a backend that isn't there is an error, which is for those who make one. */
export function discoverySettings(environment: Environment): SettingsOf<typeof DISCOVERY_SETTINGS> {
  return readSettings(DISCOVERY_SETTINGS, environment, defaultLogger);
}

/** Any name passes. To use the default instead of an unknown one would be to look in the wrong place. */
function backendName(variable: string, fallback: string, meaning: string): Setting<string> {
  return { ...text(variable, meaning), fallback, expected: "file, mem or etcd", parse: (name) => name };
}
