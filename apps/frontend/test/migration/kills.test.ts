/**
 * Many requests at once, whose workers' connections are broken at tokens of chance. `DYNAMO_MIGRATION_KILLS` says how
 * many workers are to be lost at least.
 */
import type { EngineOutput, PreprocessedRequest } from "@dynamo/preprocessor/protocol";
import { preprocessedRequest } from "@dynamo/preprocessor/protocol";
import { seededBelow } from "@dynamo/test-support";
import { expect, test } from "vitest";
import type { EngineItems } from "../../src/tokens/engine-call.ts";
import { Fleet } from "./support/fleet.ts";

const KILLS = Number(process.env["DYNAMO_MIGRATION_KILLS"] ?? 300);
const WORKERS = 4;
const AT_ONCE = 16;
const KINDS = 40;
const SEED = 20_261_124;

interface Answer {
  readonly tokens: readonly number[];
  /** How often it ended. */
  readonly ends: readonly unknown[];
  readonly usage: unknown;
}

test(
  `answers are those of undisturbed workers, with ${KILLS} workers lost on the way`,
  { timeout: 60_000 + KILLS * 60 },
  async () => {
    await using fleet = await Fleet.start(WORKERS);
    const random = seededBelow(SEED);
    const requests = Array.from({ length: KINDS }, (_, kind) => requestOf(kind));
    const undisturbed: Answer[] = [];
    for (const [kind, request] of requests.entries()) {
      undisturbed.push(await read(await fleet.ask(`undisturbed-${kind}`, request)));
    }
    expect(fleet.lost).toBe(0);

    let asked = 0;
    const one = async (): Promise<void> => {
      const id = asked;
      asked += 1;
      const kind = id % KINDS;
      const request = requests[kind];
      const expected = undisturbed[kind];
      if (!request || !expected) throw new Error("No such request");
      const breaks = Array.from({ length: 1 + random(3) }, () => ({
        place: request.token_ids.length + random(expected.tokens.length + 1),
        afterArrival: random(2) === 0,
      }));
      expect(await read(await fleet.ask(`request-${id}`, request, breaks))).toEqual(expected);
    };
    const client = async (): Promise<void> => {
      while (fleet.lost < KILLS) await one();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, client));

    expect(fleet.lost).toBeGreaterThanOrEqual(KILLS);
    await expect.poll(() => Math.max(...fleet.counts())).toBe(0);
  },
);

function requestOf(kind: number): PreprocessedRequest {
  return preprocessedRequest({
    model: "m",
    token_ids: Array.from({ length: 1 + kind }, (_, index) => 100 + kind + index),
    stop_conditions: { max_tokens: 5 + kind, min_tokens: kind % 7 },
    sampling_options: { seed: kind },
    eos_token_ids: [2],
  });
}

async function read(items: EngineItems): Promise<Answer> {
  const all: EngineOutput[] = [];
  for await (const batch of items) all.push(...batch);
  return {
    tokens: all.flatMap(({ token_ids }) => token_ids),
    ends: all.flatMap(({ finish_reason: reason }) => reason ?? []),
    usage: all.findLast(({ completion_usage: usage }) => usage !== undefined)?.completion_usage,
  };
}
