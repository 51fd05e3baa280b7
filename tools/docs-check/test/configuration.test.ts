import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text, seconds } from "@dynamo/request-plane-core";
import { workspacePackages, workspaceRoot } from "@dynamo/workspace";
import { describe, expect, test } from "vitest";
import { rowsOfHelp } from "../src/configuration/help.ts";
import { configurationPage, PAGE } from "../src/configuration/page.ts";
import { settingFaults } from "../src/configuration/readme.ts";
import { rowsOfTable } from "../src/configuration/rows.ts";
import { readSections } from "../src/configuration/sections.ts";

const sections = readSections(workspacePackages());
const read = (path: string): string => readFileSync(join(workspaceRoot, path), "utf8");

test(`${PAGE} is what the tables say`, async () => {
  expect(read(PAGE), "Settings have changed. Run 'npm run docs', which writes the page anew.").toBe(
    await configurationPage(sections),
  );
});

test.each(sections)("the README of $title lists its settings", ({ path, rows }) => {
  expect(rows).not.toEqual([]);
  expect(settingFaults(read(`${path}/README.md`), rows)).toEqual([]);
});

describe("a table", () => {
  test("has its defaults as they would be given", () => {
    const wait = seconds("WAIT", 1_500, { min: 0, max: 10 }, "How long.");
    expect(rowsOfTable({ waitMs: wait })).toEqual([
      {
        name: "waitMs",
        variable: "WAIT",
        default: { text: "1.5", isValue: true },
        expected: "seconds from 0 to 10",
        meaning: "How long.",
      },
    ]);
  });

  test("may say in words what is done without a value", () => {
    const rows = rowsOfTable({
      host: text("HOST", "Where. Default: any address."),
      name: text("NAME", "Who."),
    });
    expect(rows.map((row) => row.default.text)).toEqual(["any address", "none"]);
    expect(rows.map((row) => row.meaning)).toEqual(["Where.", "Who."]);
  });

  test("whose default can't be given is refused", () => {
    const broken = { wait: seconds("WAIT", 20_000, { min: 0, max: 10 }, "How long.") };
    expect(() => rowsOfTable(broken)).toThrow("WAIT doesn't take its own default, 20000");
  });
});

describe("a program's help", () => {
  const help = (...options: string[]): string =>
    ["Usage: x [options]", "", "Options:", ...options, "  -h, --help  show this", ""].join("\n");

  test("is read with choices and broken lines", () => {
    const rows = rowsOfHelp(
      help(
        "  --mode <mode>  how to do",
        '                 it (choices: "a", "b", default:',
        '                 "a", env: MODE)',
        "  --list <list>  what (at most 3) (default: nothing, env: LIST)",
        "  --name <name>  who (env: NAME)",
        "  --count <n>    how many (default: 3, env: COUNT)",
        '  --warm [on]    how it is (default: true, preset: "true", env: WARM)',
        "  --no-warm      the opposite",
      ),
    );
    expect(rows.map((row) => [row.name, row.variable, row.expected, row.meaning])).toEqual([
      ["--mode", "MODE", "a, b", "how to do it"],
      ["--list", "LIST", "list", "what (at most 3)"],
      ["--name", "NAME", "name", "who"],
      ["--count", "COUNT", "n", "how many"],
      ["--warm", "WARM", "true or false", "how it is"],
    ]);
    expect(rows.map((row) => [row.default.text, row.default.isValue])).toEqual([
      ["a", true],
      ["nothing", false],
      ["none", false],
      ["3", true],
      ["true", true],
    ]);
  });

  test("an option without a variable is refused", () => {
    expect(() => rowsOfHelp(help("  --name <name>  who"))).toThrow("no variable: --name");
  });
});

describe("a README", () => {
  const rows = rowsOfTable({
    waitMs: seconds("WAIT", 10_000, { min: 0, max: 10 }, "How long."),
    host: text("HOST", "Where."),
  });
  const readme = (...lines: string[]): string =>
    ["# X", "", "| option | variable | default |", "| --- | --- | --- |", ...lines, "", "Text"].join("\n");

  test("may give units and words of its own", () => {
    expect(
      settingFaults(readme("| `waitMs` | `WAIT` | 10 s |", "| `host` | `HOST` | this one |"), rows),
    ).toEqual([]);
  });

  test("says what is missing, different or too much", () => {
    expect(settingFaults(readme("| `wait` | `WAIT` | 10 |", "| `x` | `OLD` | 1 |"), rows)).toEqual([
      "WAIT is called wait and not waitMs",
      "HOST is in no table",
      "OLD is no setting",
    ]);
    expect(settingFaults(readme("| `waitMs` | `WAIT` | 100 s |", "| `host` | `HOST` | |"), rows)).toEqual([
      "WAIT has the default '100 s' and not '10'",
      "HOST has the default '' and not 'none'",
    ]);
  });
});
