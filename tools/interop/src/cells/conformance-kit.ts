/**
 * The conformance kit on the real one.
 */
import type { CaseResult } from "@dynamo/request-plane-conformance";
import { cannot, inSection } from "../cell.ts";
import type { Cannot } from "../cell.ts";
import { FOREIGN_CASES, kitReport } from "../roles/kit-report.ts";
import { rowsOf } from "../support/kit-rows.ts";
import type { KitRow } from "../support/kit-rows.ts";
import type { Site } from "../site.ts";

/** All cases together; the first cell waits for them. */
const KIT_MS = 300_000;

export const cells = inSection(
  "The conformance kit's cases, on their worker",
  rowsOf(FOREIGN_CASES).flatMap((row) => {
    const count = FOREIGN_CASES.filter(row.has).length;
    if (count === 0) return [];
    const name = `${row.name}: ${count === 1 ? "1 case" : `${count} cases`}`;
    return [{ name, timeoutMs: KIT_MS, run: (site: Site) => judge(row, site) }];
  }),
);

/** A row passes as a whole, or fails as a whole for the reason it gives. */
async function judge(row: KitRow, site: Site): Promise<Cannot | undefined> {
  const { results } = await site.use(kitReport);
  const [passed, others] = split(results.filter(row.has));
  const why = row.why(site.release);
  if (why === undefined) {
    if (others.length > 0) throw new Error(others.map(describe).join("\n"));
    return undefined;
  }
  const { says } = why;
  if (!says && passed.length > 0) {
    throw new Error(`Passes by now: ${passed.map(({ name }) => name).join("; ")}`);
  }
  const strange = says ? others.map(describe).filter((text) => !says.test(text)) : [];
  if (strange.length > 0) throw new Error(`Fails for another reason: ${strange.join("\n")}`);
  return cannot(why.text);
}

function split(results: readonly CaseResult[]): [CaseResult[], CaseResult[]] {
  const passed = results.filter(({ status }) => status === "passed");
  return [passed, results.filter((result) => !passed.includes(result))];
}

function describe(result: CaseResult): string {
  const what = result.status === "failed" ? result.error.message : result.status;
  return `${result.name}: ${what}`;
}
