import { describe, expect, it } from "vitest";
import type { CellResult } from "../src/cell.ts";
import { pageWith } from "../src/page.ts";
import { tableOf } from "../src/report.ts";

const result = (given: Partial<CellResult> & Pick<CellResult, "status">): CellResult =>
  ({
    section: "Ours",
    name: "a cell",
    release: "1.6.1",
    plane: "tcp",
    durationMs: 1,
    ...given,
  }) as CellResult;
const facts = { date: "2026-01-02", versions: "Python 3.11" };

describe("the page", () => {
  it("numbers the reasons and keeps the sections of releases that were not run", () => {
    const first = pageWith("", [result({ status: "pass", release: "0.7.1" })], facts);
    const why = "It has no word for it.";
    const page = pageWith(
      first,
      [
        result({ status: "pass" }),
        result({ status: "cannot", why, plane: "nats" }),
        result({ status: "cannot", why, name: "another", plane: "tcp" }),
      ],
      { ...facts, date: "2026-03-04" },
    );
    expect(page).toContain("## Dynamo 1.6.1\n\nRun on 2026-03-04");
    expect(page).toContain("## Dynamo 0.7.1\n\nRun on 2026-01-02");
    expect(page.indexOf("Dynamo 1.6.1")).toBeLessThan(page.indexOf("Dynamo 0.7.1"));
    expect(page).toContain("| a cell  | pass       | cannot (1) |");
    expect(page).toContain("| another | cannot (1) |            |");
    expect(page).not.toContain("\n\n\n");
    expect(page.match(/1\. It has no word for it\./g)).toHaveLength(1);
  });

  it("says what passed at the second try, and why not at the first", () => {
    const page = pageWith("", [result({ status: "pass", failedFirst: "a race\nof theirs" })], facts);
    expect(page).toContain("1 pass (1 at the second try), 0 cannot be, 0 fail.");
    expect(page).toContain("| a cell | pass (1) |");
    expect(page).toContain("1. At the second try. At the first: a race\n");
  });

  it("doesn't change when the same is run again", () => {
    const results = [result({ status: "pass" }), result({ status: "cannot", why: "No.", name: "other" })];
    const page = pageWith("", results, facts);
    expect(pageWith(page, results, facts)).toBe(page);
  });
});

describe("the table", () => {
  it("has a column for each release and plane, and says what failed", () => {
    const table = tableOf([
      result({ status: "pass" }),
      result({ status: "fail", what: "expected 1\ngot 2", release: "0.7.1", plane: "nats" }),
      result({ status: "cannot", why: "No word.", name: "other" }),
    ]);
    expect(table).toContain(
      "  1.6.1 tcp  0.7.1 nats\n  pass       FAIL        a cell\n  cannot                 other",
    );
    expect(table).toContain("FAIL 0.7.1 nats: Ours: a cell\n  expected 1\n  got 2");
    expect(table).toContain("  other: No word. (1.6.1 tcp)");
    expect(table).toContain("1 pass, 1 cannot be, 1 fail.");
  });

  it("marks what passed at the second try, and says what failed at the first", () => {
    const table = tableOf([result({ status: "pass", failedFirst: "a race" })]);
    expect(table).toContain("  pass 2     a cell");
    expect(table).toContain(
      "Passed at the second try: 1.6.1 tcp: Ours: a cell. The first one failed:\n  a race",
    );
  });
});
