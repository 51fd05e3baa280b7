import { readFileSync } from "node:fs";

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8"));
}

interface Messages {
  hashes: { block_size: number; tokens: number[]; block_hashes: string[]; sequence_hashes: string[] }[];
  lora: { name: string; block_size: number; tokens: number[]; block_hashes: string[] };
  "1.6.1": {
    stored: { frames: string[]; payload: string };
    removedAndStored: { frames: string[]; payload: string };
    rank1: { frames: string[] };
    metrics: { frames: string[] };
    natsMetrics: string;
    natsEvents: string;
    replicaSync: { frames: string[] };
    mockerSequence: { frames: string[] };
    natsSequence: string;
    recoveryRequest: string;
    recoveryReplies: string[];
    minimalEvent: string;
  };
  "0.7.1": Record<
    "stored" | "removed" | "added" | "prefillCompleted" | "freed" | "metrics" | "snapshot",
    string
  >;
}

/** Messages of real processes, and hashes that stand in them. */
export const messages = read("messages") as Messages;

export interface IndexStep {
  worker_id?: number;
  dp_rank?: number;
  event_id?: number;
  data?:
    "cleared" | { stored?: { parent_hash: string | null; blocks: [string, string][] }; removed?: string[] };
  query?: string[];
  overlap?: [worker: number, rank: number, blocks: number][];
}

/** What the index of a release was told, and what it answered. */
export function indexSteps(release: "0.7.1" | "1.6.1"): IndexStep[] {
  return (read(`index-${release}`) as { steps: IndexStep[] }).steps;
}

export type RecordedLoad = [
  worker: number,
  rank: number,
  prefillTokens: number,
  blocks: number,
  requests: number,
];

export interface DecisionStep {
  select?: string;
  tokens?: number[];
  potential?: RecordedLoad[];
  chosen?: [worker: number, rank: number];
  uncached?: number;
  sequence?: string[];
  prefill_complete?: string;
  free?: string;
  loads?: RecordedLoad[];
}

/** What the selection service of 1.6.1 was asked, and what it answered. */
export function decisionSteps(name: "by-load" | "approximate"): DecisionStep[] {
  return (read(`decisions-${name}`) as { steps: DecisionStep[] }).steps;
}

export function bytes(hex: string | undefined): Uint8Array {
  return Buffer.from(hex ?? "", "hex");
}

export function hashes(...values: (string | bigint | number)[]): BigUint64Array {
  return BigUint64Array.from(values, BigInt);
}
