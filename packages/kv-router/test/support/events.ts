import type { KvEvent } from "../../src/kv-event.ts";
import type { OverlapIndex } from "../../src/index/overlap-index.ts";
import type { WorkerSlots } from "../../src/worker-slots.ts";
import { hashes } from "./recorded.ts";

interface Numbered {
  eventId?: number;
  dpRank?: number;
}

/** Blocks with these hashes of tokens, named by the same numbers plus 1,000 for each worker. */
export function stored(worker: number, tokens: number[], more: Numbered & { parent?: number } = {}): KvEvent {
  const { eventId = 0, dpRank = 0, parent } = more;
  const name = (token: number): number => token + 1_000 * worker;
  return {
    workerId: BigInt(worker),
    dpRank,
    eventId,
    change: {
      kind: "stored",
      ...(parent !== undefined && { parentHash: BigInt(name(parent)) }),
      blockHashes: hashes(...tokens.map(name)),
      tokensHashes: hashes(...tokens),
    },
  };
}

export function removed(
  worker: number,
  tokens: number[],
  { eventId = 0, dpRank = 0 }: Numbered = {},
): KvEvent {
  const blockHashes = hashes(...tokens.map((token) => token + 1_000 * worker));
  return { workerId: BigInt(worker), dpRank, eventId, change: { kind: "removed", blockHashes } };
}

export function cleared(worker: number, { eventId = 0, dpRank = 0 }: Numbered = {}): KvEvent {
  return { workerId: BigInt(worker), dpRank, eventId, change: { kind: "cleared" } };
}

/** Blocks of a sequence that each rank holds, as `worker/rank`, without those that hold none. */
export function overlaps(
  index: OverlapIndex,
  slots: WorkerSlots,
  tokens: (number | bigint | string)[],
): Record<string, number> {
  const depths = new Int32Array(slots.limit);
  index.match(hashes(...tokens), depths);
  const found = Array.from(depths, (depth, slot) => {
    const rank = slots.at(slot);
    return depth > 0 && rank ? [[`${rank.workerId}/${rank.dpRank}`, depth] as const] : [];
  });
  return Object.fromEntries(found.flat());
}
