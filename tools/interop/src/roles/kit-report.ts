/**
 * The conformance kit, run against their worker: those of its cases that a worker from elsewhere can answer.
 */
import { CASES, runConformance } from "@dynamo/request-plane-conformance";
import type { CaseResult } from "@dynamo/request-plane-conformance";
import type { Site } from "../site.ts";
import { theirWorker } from "./their-worker.ts";
import { transportFor } from "./transports.ts";

export const FOREIGN_CASES = CASES.filter(({ requires = [] }) => !requires.includes("own worker"));

export interface KitReport extends AsyncDisposable {
  readonly results: readonly CaseResult[];
}

export async function kitReport(site: Site): Promise<KitReport> {
  const { record } = await site.use(theirWorker);
  const { results } = await runConformance({
    factory: () => {
      const transport = transportFor(site.plane, site.release, site.surroundings.natsUrl);
      return { server: transport, client: transport };
    },
    foreign: { record, callHomeHost: "127.0.0.1" },
    cases: FOREIGN_CASES,
  });
  return { results, [Symbol.asyncDispose]: async () => undefined };
}
