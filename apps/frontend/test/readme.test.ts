import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { frontendCommand } from "../src/options.ts";

test("the README has each flag with its variable and default", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const rows = [...readme.matchAll(/^\| `(--[\w-]+)` +\| `(DYN_\w+)` +\| `?([^` |]+)`? /gm)];
  const documented = rows.map(([, flag, variable, value]) => ({ flag, variable, value }));
  const options = frontendCommand().options.filter(({ envVar }) => envVar !== undefined);
  expect(documented).toEqual(
    options.map(({ long, envVar, defaultValue, defaultValueDescription }) => ({
      flag: long,
      variable: envVar,
      value: String(defaultValueDescription ?? (defaultValue as string | number | undefined) ?? "all"),
    })),
  );
});
