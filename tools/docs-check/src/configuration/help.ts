import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { WorkspacePackage } from "@dynamo/workspace";
import { NO_DEFAULT } from "./rows.ts";
import type { Default, Row } from "./rows.ts";

const flagPattern = /^(?<name>--[\w-]+) [<[](?<value>[\w-]+)[>\]]\s+(?<rest>.*)$/;
const restPattern =
  /^(?<meaning>.*) \((choices: (?<choices>.*?), )?(default: (?<default>.*?), )?(preset: .*?, )?env: (?<variable>\w+)\)$/;

/** The options of a program with a variable, from what its `--help` prints. Throws when it fails. */
export function rowsOfProgram({ folder, manifest }: WorkspacePackage): Row[] {
  const [program] = Object.values(manifest.bin ?? {});
  if (program === undefined) throw new Error(`${manifest.name} has no program`);
  const options = { encoding: "utf8", env: {}, timeout: 60_000 } as const;
  return rowsOfHelp(execFileSync(process.execPath, [join(folder, program), "--help"], options));
}

/** From commander's text. Throws for an option with a value that isn't understood. */
export function rowsOfHelp(help: string): Row[] {
  const [, list = ""] = help.split("\nOptions:\n");
  // An option begins two columns in; what is deeper carries on its text.
  const options = list.split(/^ {2}(?=-)/m).map((text) => text.trim().replaceAll(/\s+/g, " "));
  return options.filter((text) => /^--[\w-]+ [<[]/.test(text)).map(rowOf);
}

function rowOf(option: string): Row {
  const { name, value, rest = "" } = flagPattern.exec(option)?.groups ?? {};
  const { meaning, choices, default: preset, variable } = restPattern.exec(rest)?.groups ?? {};
  if (!name || !value || !meaning || !variable) throw new Error(`the option has no variable: ${option}`);
  const isOnOff = option.includes(`${name} [`);
  const expected = isOnOff ? "true or false" : (choices?.replaceAll('"', "") ?? value);
  return { name, variable, default: defaultOf(preset), expected, meaning };
}

/** Commander prints texts in quotes and numbers without; what else has none is a description. */
function defaultOf(preset: string | undefined): Default {
  if (preset === undefined) return NO_DEFAULT;
  if (preset.startsWith('"')) return { text: JSON.parse(preset) as string, isValue: true };
  return { text: preset, isValue: !Number.isNaN(Number(preset)) || preset === "true" || preset === "false" };
}
