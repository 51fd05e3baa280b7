/**
 * A command line of which every option has an environment variable. The option wins. A value on the command
 * line that can't be used is an error; one in the environment falls back to the default, with a warning.
 */
import { Option } from "commander";
import type { Command } from "commander";

export interface Setting<T> {
  /** As commander reads it: `--num-workers <count>`. A switch is `--name [on]`, and `--no-name` turns it off. */
  readonly flag: string;
  readonly env: string;
  readonly text: string;
  /** As it would be typed; a setting without one may stay undefined. */
  readonly default?: string;
  /** Throws an error that says what is wrong with the text. */
  readonly parse: (text: string) => T;
  /** May be given several times; the values are put together with commas. */
  readonly repeatable?: boolean;
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;
export type ValuesOf<S extends Settings> = {
  readonly [K in keyof S]:
    ReturnType<S[K]["parse"]> | (S[K] extends { readonly default: string } ? never : undefined);
};

/** Where the value of a setting is from. */
export type Source = "command line" | "environment" | "default";

export interface ParsedSettings<S extends Settings> {
  readonly values: ValuesOf<S>;
  readonly sources: { readonly [K in keyof S]: Source };
  /** One for each value of the environment that can't be used. */
  readonly warnings: readonly string[];
}

export const USAGE_ERROR = 2;

/**
 * Reads the arguments and the environment of the process. The keys of the settings are the camel-case names
 * of their flags. Prints and ends the process after `--help` (exit code 0) and after a mistake (exit code 2).
 */
export function parseSettings<S extends Settings>(
  command: Command,
  settings: S,
  args: readonly string[],
): ParsedSettings<S> {
  for (const setting of Object.values(settings)) {
    for (const option of commanderOptions(setting)) command.addOption(option);
  }
  command.allowExcessArguments(false).exitOverride(({ exitCode }) => process.exit(exitCode && USAGE_ERROR));
  command.parse(args, { from: "user" });

  const values: Record<string, unknown> = {};
  const sources: Record<string, Source> = {};
  const warnings: string[] = [];
  for (const [key, setting] of Object.entries(settings)) {
    const typed = command.getOptionValue(key) as string | boolean | undefined;
    const found =
      typed === undefined
        ? fromEnvironment(setting)
        : ({ text: String(typed), source: "command line" } as const);
    sources[key] = found.source;
    try {
      values[key] = found.text === undefined ? undefined : setting.parse(found.text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (found.source === "command line") command.error(`error: ${reason} (${setting.flag})`);
      const instead = setting.default === undefined ? "none" : `'${setting.default}'`;
      warnings.push(`${setting.env}='${found.text ?? ""}' is not usable, using ${instead}: ${reason}`);
      values[key] = setting.default === undefined ? undefined : setting.parse(setting.default);
      sources[key] = "default";
    }
  }
  return { values: values as ValuesOf<S>, sources: sources as ParsedSettings<S>["sources"], warnings };
}

function fromEnvironment(setting: Setting<unknown>): {
  readonly text: string | undefined;
  readonly source: Source;
} {
  const text = process.env[setting.env];
  return text === undefined ? { text: setting.default, source: "default" } : { text, source: "environment" };
}

/**
 * Commander only collects what is typed. Variables and defaults are written into the help: of a switch, Commander
 * would take any value of its variable for a yes.
 */
function commanderOptions({ flag, env, text, default: preset, repeatable }: Setting<unknown>): Option[] {
  const known = [...(preset === undefined ? [] : [`default: ${JSON.stringify(preset)}`]), `env: ${env}`];
  const option = new Option(flag, `${text} (${known.join(", ")})`);
  if (repeatable) option.argParser((typed, before?: string) => (before ? `${before},${typed}` : typed));
  if (flag.includes("<")) return [option];
  return [option, new Option(nameOf(flag).replace("--", "--no-")).hideHelp()];
}

/** `--num-workers` of `--num-workers <count>`. */
export function nameOf(flag: string): string {
  return flag.split(" ")[0] ?? flag;
}

export function onOff(text: string): boolean {
  if (/^(true|1|yes|on)$/i.test(text)) return true;
  if (/^(false|0|no|off)$/i.test(text)) return false;
  throw new Error(`'${text}' is neither true nor false`);
}

export function oneOf<T extends string>(...choices: readonly T[]): (text: string) => T {
  return (text) => {
    const choice = choices.find((name) => name === text.toLowerCase());
    if (choice !== undefined) return choice;
    throw new Error(`'${text}' is not one of ${choices.join(", ")}`);
  };
}

export function numberFrom(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= min && value <= max) return value;
    throw new Error(`'${text}' is not a number from ${min} to ${max}`);
  };
}

export function wholeNumberFrom(min: number, max: number): (text: string) => number {
  const parse = numberFrom(min, max);
  return (text) => {
    const value = parse(text);
    if (Number.isInteger(value)) return value;
    throw new Error(`'${text}' is not a whole number`);
  };
}
