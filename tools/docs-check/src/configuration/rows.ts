import type { Setting, SettingsTable } from "@dynamo/request-plane-core";

/** One setting, as the page shows it. */
export interface Row {
  /** The key of an option in code, or a flag: `port`, `--http-port`. */
  name: string;
  variable: string;
  default: Default;
  /** What a good value looks like. */
  expected: string;
  meaning: string;
}

export interface Default {
  text: string;
  /** Whether this text is a value that could be given; otherwise it describes what happens without one. */
  isValue: boolean;
}

export const NO_DEFAULT: Default = { text: "none", isValue: false };

/** The rows of a package's table. Throws when a default is no value that the variable takes. */
export function rowsOfTable(table: SettingsTable): Row[] {
  return Object.entries(table).map(([name, setting]) => {
    const { variable, expected } = setting;
    const [, meaning = setting.meaning, described] = /^(.*) Default: (.+)\.$/.exec(setting.meaning) ?? [];
    return { name, variable, default: defaultOf(setting, described), expected, meaning };
  });
}

/** A variable without a value of its own may say in its meaning what is done instead. */
function defaultOf(setting: Setting<unknown>, described: string | undefined): Default {
  if (setting.fallback !== undefined) return { text: asGiven(setting), isValue: true };
  if (described === undefined) return NO_DEFAULT;
  return { text: described, isValue: !described.includes(" ") };
}

/** The text that becomes the default: tables keep milliseconds where the variable takes seconds. */
function asGiven({ variable, fallback, parse }: Setting<unknown>): string {
  const texts = [String(fallback), String(Number(fallback) / 1000)];
  const text = texts.find((candidate) => parse(candidate) === fallback);
  if (text === undefined) throw new Error(`${variable} doesn't take its own default, ${String(fallback)}`);
  return text;
}
