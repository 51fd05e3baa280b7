import { describe, expect, it } from "vitest";
import { FOREIGN_CASES } from "../src/roles/kit-report.ts";
import { rowsOf } from "../src/support/kit-rows.ts";

describe("rowsOf", () => {
  const rows = rowsOf(FOREIGN_CASES);

  it("puts every case of the kit into one row", () => {
    for (const testCase of FOREIGN_CASES) {
      expect(rows.filter(({ has }) => has(testCase)).length, testCase.name).toBe(1);
    }
  });

  it("has no row about something that the kit doesn't have", () => {
    for (const { name, has, why } of rows) {
      if (why("0.7.1") !== undefined) expect(FOREIGN_CASES.some(has), name).toBe(true);
    }
  });
});
