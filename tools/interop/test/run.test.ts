import { describe, expect, it } from "vitest";
import { cannot } from "../src/cell.ts";
import type { Cell } from "../src/cell.ts";
import { loadCells } from "../src/cells.ts";
import { columnsOf, runCells } from "../src/run.ts";
import type { Site } from "../src/site.ts";
import { until, within } from "../src/waiting.ts";

const surroundings = {
  natsUrl: "nats://127.0.0.1:1",
  wheels: { pythonOf: () => Promise.reject(new Error("There are no wheels here")) },
};

const run = (cells: readonly Cell[]): ReturnType<typeof runCells> =>
  runCells(
    { cells, releases: ["1.6.1", "0.7.1"], planes: ["tcp"], concurrency: 2 },
    surroundings,
    () => undefined,
  );

describe("runCells", () => {
  it("gives every cell of every site a result, in their order", async () => {
    const results = await run([
      { section: "s", name: "passes", run: async () => undefined },
      { section: "s", name: "can't", run: async () => cannot("It is too old.") },
      { section: "s", name: "fails", run: () => Promise.reject(new Error("broken")) },
      { section: "s", name: "hangs", timeoutMs: 50, run: () => new Promise(() => undefined) },
      { section: "s", name: "only old", on: (release) => release === "0.7.1", run: async () => undefined },
    ]);
    expect(results.map(({ release, name, status }) => `${release} ${name}: ${status}`)).toEqual([
      "1.6.1 passes: pass",
      "1.6.1 can't: cannot",
      "1.6.1 fails: fail",
      "1.6.1 hangs: fail",
      "0.7.1 passes: pass",
      "0.7.1 can't: cannot",
      "0.7.1 fails: fail",
      "0.7.1 hangs: fail",
      "0.7.1 only old: pass",
    ]);
    expect(results[3]).toMatchObject({ what: "The cell took longer than 50 ms" });
  });

  it("tries a cell that fails once more, goes on with the site of that try, and tells what failed first", async () => {
    const sites = new Set<Site>();
    const late: Cell["run"] = async (site) => {
      sites.add(site);
      if (sites.size === 1) throw new Error("a race");
      return undefined;
    };
    const plan = { releases: ["1.6.1"], planes: ["tcp"], concurrency: 1 } as const;
    const cells = ["late", "later"].map((name) => ({ section: "s", name, run: late }));
    const results = await runCells({ ...plan, cells }, surroundings, () => undefined);
    expect(sites.size).toBe(2);
    expect(results).toMatchObject([{ status: "pass", failedFirst: "a race" }, { status: "pass" }]);
    expect(results[1]).not.toHaveProperty("failedFirst");
  });

  it("tries no more than three cells of a site again", async () => {
    let tries = 0;
    const fails: Cell["run"] = () => Promise.reject(new Error(`try ${(tries += 1)}`));
    const cells = ["a", "b", "c", "d", "e"].map((name) => ({ section: "s", name, run: fails }));
    const plan = { releases: ["1.6.1"], planes: ["tcp"], concurrency: 1 } as const;
    const results = await runCells({ ...plan, cells }, surroundings, () => undefined);
    expect(results.map(({ status }) => status)).toEqual(cells.map(() => "fail"));
    expect(tries).toBe(8);
  });

  it("tells for what a cell that took too long has waited", async () => {
    const never = new Promise(() => undefined);
    const waits: Cell["run"] = async () => {
      await until("the sun has risen", () => true);
      await Promise.all([
        until("pigs fly", () => never as Promise<boolean>),
        within("an answer", never, 60_000),
      ]);
      return undefined;
    };
    const [result] = await run([{ section: "s", name: "a", timeoutMs: 50, run: waits }]);
    const limit = "The cell took longer than 50 ms";
    const what = new RegExp(
      `^${limit}; it has waited [0-9.]+ s until pigs fly; it has waited [0-9.]+ s for an answer$`,
    );
    expect(result).toMatchObject({ status: "fail", what: expect.stringMatching(what) as unknown });
  });

  it("starts a role once for a site and disposes of it, of neighbours too", async () => {
    const log: string[] = [];
    const role = async ({ release }: Site): Promise<AsyncDisposable> => {
      log.push(`starts ${release}`);
      return { [Symbol.asyncDispose]: async () => void log.push(`ends ${release}`) };
    };
    const use: Cell["run"] = async (site) => {
      await site.use(role);
      await site.beside("1.2.1").use(role);
    };
    const cells = ["a", "b"].map((name) => ({ section: "s", name, run: use }));
    await runCells(
      { cells, releases: ["1.6.1"], planes: ["tcp"], concurrency: 1 },
      surroundings,
      () => undefined,
    );
    expect(log).toEqual(["starts 1.6.1", "starts 1.2.1", "ends 1.2.1", "ends 1.6.1"]);
  });

  it("tells of a role that can't be started in each cell that uses it", async () => {
    const use: Cell["run"] = async (site) => {
      await site.use(() => Promise.reject(new Error("no such program")));
    };
    const [result] = await run([{ section: "s", name: "a", run: use }]);
    expect(result).toMatchObject({ status: "fail", what: "no such program" });
  });
});

describe("cells", () => {
  it("have names that differ within their section", async () => {
    const names = (await loadCells()).map(({ section, name }) => `${section}: ${name}`);
    expect(names.length).toBeGreaterThan(0);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("columnsOf", () => {
  it("leaves out planes that a release doesn't have, unless a cell is for them", () => {
    const cell: Cell = { section: "s", name: "n", run: async () => undefined };
    const plan = { releases: ["1.2.1", "1.6.1"], planes: ["tcp", "http"] } as const;
    const columns = columnsOf({ ...plan, cells: [cell] });
    expect(columnsOf({ ...plan, cells: [cell, { ...cell, on: () => true }] })).toHaveLength(4);
    expect(columns.map(({ release, plane }) => `${release} ${plane}`)).toEqual([
      "1.2.1 tcp",
      "1.2.1 http",
      "1.6.1 tcp",
    ]);
  });
});
