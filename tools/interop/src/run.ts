/**
 * Runs cells: those of one site one after the other, several sites at the same time.
 *
 * Real processes of Dynamo have races of their own, so a cell that fails is tried once more, with new
 * processes, which those after it have too. What failed first is told all the same.
 */
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isFor } from "./cell.ts";
import type { Cell, CellResult, Outcome } from "./cell.ts";
import type { Plane, Release } from "./releases.ts";
import { Site } from "./site.ts";
import type { Surroundings } from "./site.ts";
import { limited } from "./waiting.ts";

const CELL_MS = 120_000;
/** For each site: where more than these fail, something is wrong that no second try mends. */
const SECOND_TRIES = 3;

export interface RunPlan {
  readonly cells: readonly Cell[];
  readonly releases: readonly Release[];
  readonly planes: readonly Plane[];
  /** Sites at the same time. */
  readonly concurrency: number;
}

export interface Column {
  readonly release: Release;
  readonly plane: Plane;
}

/** Each release with each plane for which there is a cell. */
export function columnsOf({ cells, releases, planes }: Omit<RunPlan, "concurrency">): readonly Column[] {
  return releases
    .flatMap((release) => planes.map((plane) => ({ release, plane })))
    .filter(({ release, plane }) => cells.some((cell) => isFor(cell, release, plane)));
}

/** Rejects never for what a cell does: that is in its result. Results are in the order of columns and cells. */
export async function runCells(
  plan: RunPlan,
  surroundings: Surroundings,
  onResult: (result: CellResult) => void,
): Promise<CellResult[]> {
  const columns = columnsOf(plan);
  const results: CellResult[][] = [];
  const queue = columns.entries();
  const work = async (): Promise<void> => {
    for (const [index, column] of queue) {
      results[index] = await runColumn(column, plan.cells, surroundings, onResult);
    }
  };
  await Promise.all(Array.from({ length: plan.concurrency }, work));
  return results.flat();
}

async function runColumn(
  column: Column,
  cells: readonly Cell[],
  surroundings: Surroundings,
  onResult: (result: CellResult) => void,
): Promise<CellResult[]> {
  const { release, plane } = column;
  const results: CellResult[] = [];
  let triesLeft = SECOND_TRIES;
  let place = await openSite(column, surroundings);
  try {
    for (const cell of cells) {
      if (!isFor(cell, release, plane)) continue;
      const startedAt = performance.now();
      let outcome = await outcomeOf(cell, place.site);
      if (outcome.status === "fail" && triesLeft-- > 0) {
        const { what } = outcome;
        // What made it fail may have come over processes that other cells share, so these go too.
        await place[Symbol.asyncDispose]();
        place = await openSite(column, surroundings);
        const second = await outcomeOf(cell, place.site);
        outcome = second.status === "pass" ? { ...second, failedFirst: what } : second;
      }
      const { section, name } = cell;
      const result = { ...outcome, section, name, ...column, durationMs: performance.now() - startedAt };
      results.push(result);
      onResult(result);
    }
    return results;
  } finally {
    await place[Symbol.asyncDispose]();
  }
}

async function openSite(
  { release, plane }: Column,
  surroundings: Surroundings,
): Promise<AsyncDisposable & { readonly site: Site }> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await mkdtempDisposable(join(tmpdir(), "dynamo-interop-")));
  const site = opened.use(new Site(release, plane, folder.path, surroundings));
  const place = opened.move();
  return { site, [Symbol.asyncDispose]: () => place.disposeAsync() };
}

async function outcomeOf(cell: Cell, site: Site): Promise<Outcome> {
  try {
    const ended = await limited("The cell", () => cell.run(site), cell.timeoutMs ?? CELL_MS);
    return ended ? { status: "cannot", why: ended.cannot } : { status: "pass" };
  } catch (error) {
    return { status: "fail", what: error instanceof Error ? error.message : String(error) };
  }
}
