/**
 * Settings from the environment, by a table: one row per variable, read once into a frozen object. The same
 * table makes the documentation.
 */
import { RequestPlaneError } from "./errors.ts";
import type { Logger } from "./logger.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** One variable. `T` is what it becomes. */
export interface Setting<T> {
  readonly variable: string;
  /** Used when the variable is unset, empty or unusable. */
  readonly fallback: T;
  /** What it means, in one sentence. */
  readonly meaning: string;
  /** What a good value looks like, for messages: `a whole number from 1 to 65535`. */
  readonly expected: string;
  /** The value of a text, or `undefined` when the text can't be used. */
  readonly parse: (text: string) => T | undefined;
  /** Whether a value given in code can be used. */
  readonly accepts: (value: unknown) => boolean;
}

export type SettingsTable = Readonly<Record<string, Setting<unknown>>>;

/** The values of a table, under its keys. */
export type SettingsOf<Table extends SettingsTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Setting<infer T> ? T : never;
};

/** Reads a table. A value that can't be used gives one warning and the default. */
export function readSettings<Table extends SettingsTable>(
  table: Table,
  environment: Environment,
  logger: Logger,
): SettingsOf<Table> {
  const values = Object.entries(table).map(([key, setting]) => [key, read(setting, environment, logger)]);
  return Object.freeze(Object.fromEntries(values)) as SettingsOf<Table>;
}

function read(setting: Setting<unknown>, environment: Environment, logger: Logger): unknown {
  const { variable, fallback, expected, parse } = setting;
  const text = environment[variable]?.trim();
  if (text === undefined || text === "") return fallback;
  const value = parse(text);
  if (value !== undefined) return value;
  const used = fallback === undefined ? "it is ignored" : `the default ${JSON.stringify(fallback)} is used`;
  logger.warn(
    { variable, value: text },
    `${variable}='${text}' cannot be used (expected ${expected}); ${used}`,
  );
  return fallback;
}

interface Range {
  readonly min: number;
  readonly max: number;
}

/** A whole number within a range, both ends included. */
export function wholeNumber(
  variable: string,
  fallback: number,
  range: Range,
  meaning: string,
): Setting<number> {
  return {
    variable,
    fallback,
    meaning,
    expected: `a whole number from ${range.min} to ${range.max}`,
    parse: (text) => {
      const value = /^\d+$/.test(text) ? Number(text) : NaN;
      return isWithin(range, value) ? value : undefined;
    },
    accepts: (value) => Number.isInteger(value) && isWithin(range, value),
  };
}

/** Seconds, fractions allowed, kept as milliseconds. `fallback` is in milliseconds too. */
export function seconds(variable: string, fallback: number, range: Range, meaning: string): Setting<number> {
  return {
    variable,
    fallback,
    meaning,
    expected: `seconds from ${range.min} to ${range.max}`,
    parse: (text) => {
      const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
      return isWithin(range, value) ? Math.round(value * 1000) : undefined;
    },
    accepts: (value) => typeof value === "number" && isWithin(range, value / 1000),
  };
}

export function port(variable: string, fallback: number, meaning: string): Setting<number> {
  return wholeNumber(variable, fallback, { min: 0, max: 65_535 }, meaning);
}

/** One of a few words. */
export function oneOf<Word extends string>(
  variable: string,
  fallback: Word,
  words: readonly Word[],
  meaning: string,
): Setting<Word> {
  const find = (value: unknown): Word | undefined => words.find((word) => word === value);
  return {
    variable,
    fallback,
    meaning,
    expected: words.map((word) => `'${word}'`).join(" or "),
    parse: find,
    accepts: (value) => find(value) !== undefined,
  };
}

/** A text that is taken as it is. */
export function text(variable: string, meaning: string): Setting<string | undefined> {
  return {
    variable,
    fallback: undefined,
    meaning,
    expected: "a text",
    parse: (value) => value,
    accepts: (value) => typeof value === "string",
  };
}

function isWithin({ min, max }: Range, value: unknown): boolean {
  return typeof value === "number" && value >= min && value <= max;
}

/**
 * Values given in code win over those that were read from `table`. Throws `invalid_configuration` for one
 * that can't be used.
 */
export function override<Values extends object>(
  values: Values,
  given: Partial<Values>,
  table: SettingsTable = {},
): Values {
  const present = Object.entries(given).filter(([, value]) => value !== undefined);
  for (const [key, value] of present) {
    const known = (values as Record<string, unknown>)[key];
    if (typeof known === "number" && !(typeof value === "number" && value >= 0)) {
      throw unusable(`Option '${key}' must be a number, not ${String(value)}`);
    }
    const setting = Object.hasOwn(table, key) ? table[key] : undefined;
    if (setting && !setting.accepts(value)) {
      const { variable, expected } = setting;
      throw unusable(`Option '${key}' cannot be ${String(value)} (${variable} takes ${expected})`);
    }
  }
  return { ...values, ...Object.fromEntries(present) };
}

function unusable(message: string): RequestPlaneError {
  return new RequestPlaneError("invalid_configuration", message);
}
