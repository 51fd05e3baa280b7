/**
 * A command line of which every option has an environment variable. The option wins. A value on the command
 * line that can't be used is an error; one in the environment falls back to the default, with a warning.
 */
import { Option } from "commander";
import type { Command } from "commander";

export interface Setting<T> {
  /** As commander reads it: `--num-workers <count>`. */
  readonly flag: string;
  readonly env: string;
  readonly text: string;
  /** As it would be typed. */
  readonly default: string;
  /** Throws an error that says what is wrong with the text. */
  readonly parse: (text: string) => T;
  /** May be given several times; the values are put together with commas. */
  readonly repeatable?: boolean;
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;
export type ValuesOf<S extends Settings> = { readonly [K in keyof S]: ReturnType<S[K]["parse"]> };

export interface ParsedSettings<S extends Settings> {
  readonly values: ValuesOf<S>;
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
  for (const setting of Object.values(settings)) command.addOption(commanderOption(setting));
  command.allowExcessArguments(false).exitOverride(({ exitCode }) => process.exit(exitCode && USAGE_ERROR));
  command.parse(args, { from: "user" });

  const warnings: string[] = [];
  const valueOf = (key: string, setting: Setting<unknown>): unknown => {
    const text = command.getOptionValue(key) as string;
    try {
      return setting.parse(text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (command.getOptionValueSource(key) !== "env") command.error(`error: ${reason} (${setting.flag})`);
      warnings.push(`${setting.env}='${text}' is not usable, using '${setting.default}': ${reason}`);
      return setting.parse(setting.default);
    }
  };
  const values = Object.entries(settings).map(([key, setting]) => [key, valueOf(key, setting)]);
  return { values: Object.fromEntries(values) as ValuesOf<S>, warnings };
}

/** Commander only collects the text: at that time it doesn't tell where the text is from. */
function commanderOption(setting: Setting<unknown>): Option {
  const option = new Option(setting.flag, setting.text).env(setting.env).default(setting.default);
  if (!setting.repeatable) return option;
  return option.argParser((text, before) =>
    before === setting.default ? text : `${String(before)},${text}`,
  );
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
