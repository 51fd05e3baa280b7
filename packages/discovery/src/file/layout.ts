/**
 * How keys become file names. The layouts don't mix: Dynamo 0.7 doesn't find files of later releases, and later
 * releases delete those of 0.7 when they are ten seconds old.
 *
 * Source: lib/runtime/src/storage/kv/file.rs and slug.rs of ai-dynamo/dynamo; files written by 0.7.1 to 1.6.1.
 */
import { slugOf } from "../slug.ts";

/** The layout is named after the first release that has it. `0.8` serves all releases from there to 1.6. */
export type FileLayoutName = "0.8" | "0.7";

export interface FileLayout {
  /** Whether files are kept alive by touching, and dead when nobody does. */
  readonly hasLeases: boolean;
  /** The file name of a key within its bucket. */
  nameOf(key: string): string;
  /** Whether a file of this name holds this key. */
  isNameOf(name: string, key: string): boolean;
}

export const FILE_LAYOUTS: Readonly<Record<FileLayoutName, FileLayout>> = {
  "0.8": {
    hasLeases: true,
    nameOf: percentEncode,
    // Dynamo reads names that another writer encoded more sparingly, so they are decoded, not compared.
    isNameOf: (name, key) => percentDecode(name) === key,
  },
  "0.7": {
    hasLeases: false,
    nameOf: slugOf,
    isNameOf: (name, key) => name === slugOf(key),
  },
};

/** Every byte of UTF-8 that is not a letter or digit of ASCII, as `%` and two upper-case hexadecimal digits. */
function percentEncode(key: string): string {
  return encodeURIComponent(key).replace(
    /[-_.!~*'()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function percentDecode(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}
