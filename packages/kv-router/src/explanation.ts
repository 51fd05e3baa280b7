import type { Choice } from "./selection.ts";
import type { WorkerRank } from "./worker-slots.ts";

/** Why a request goes where it goes. */
export interface RoutingExplanation {
  readonly requestId: string | undefined;
  readonly tokens: number;
  /** Full blocks of the prompt. */
  readonly blocks: number;
  readonly temperature: number;
  readonly chosen: WorkerRank;
  /** The only one, the lowest cost, one of several with the lowest cost, or drawn by its chance. */
  readonly how: Choice["how"];
  readonly candidates: readonly CandidateScore[];
  readonly leftOut: readonly LeftOut[];
}

export interface CandidateScore extends WorkerRank {
  /** Lower is better. */
  readonly cost: number;
  /** Chance of being chosen; only with a temperature above 0. */
  readonly chance?: number;
  readonly overlapBlocks: number;
  /** Prompt tokens under way before this request. */
  readonly prefillTokens: number;
  /** Blocks in use with this request. */
  readonly decodeBlocks: number;
  readonly requests: number;
}

export interface LeftOut extends WorkerRank {
  readonly why: "busy" | "excluded" | "not_allowed";
}

/** An explanation as text, a line for each candidate, the best first. */
export function formatExplanation(explanation: RoutingExplanation): string {
  const { requestId = "-", tokens, blocks, temperature, chosen, how, candidates, leftOut } = explanation;
  const name = ({ workerId, dpRank }: WorkerRank): string => `${workerId.toString(16)}/${dpRank}`;
  const head = `request ${requestId} (${tokens} tokens, ${blocks} blocks) to ${name(chosen)}: ${how}, temperature ${temperature}`;
  const lines = [...candidates]
    .sort((a, b) => a.cost - b.cost)
    .map((candidate) => {
      const chance = candidate.chance === undefined ? "" : `, chance ${candidate.chance.toFixed(3)}`;
      return (
        `  ${name(candidate)}: cost ${candidate.cost.toFixed(3)}${chance}, ${candidate.overlapBlocks} blocks cached, ` +
        `${candidate.decodeBlocks} in use with it, ${candidate.prefillTokens} prefill tokens and ${candidate.requests} requests under way`
      );
    });
  return [head, ...lines, ...leftOut.map((rank) => `  ${name(rank)}: left out, ${rank.why}`)].join("\n");
}
