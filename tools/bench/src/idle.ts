/**
 * What a stream costs in memory while nothing comes over it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Sample } from "./load.ts";
import { Pair } from "./pair.ts";
import type { PairOptions, Role } from "./pair.ts";
import { formatTable } from "./report.ts";
import type { Row } from "./report.ts";
import type { Subject } from "./subject.ts";

/** Opened and left before anything is measured, so that code and pools are there. */
const WARM_UP_STREAMS = 200;
/** For what is left to be gone on both sides. */
const SETTLE_MS = 150;

export interface IdleStreams {
  readonly subject: string;
  readonly streams: number;
  /** Of opening them. */
  readonly sample: Sample;
  /** Resident memory with all of them open, after a garbage collection. */
  readonly bytes: Readonly<Record<Role, number>>;
  /** By how much it has grown, for each stream. */
  readonly bytesPerStream: Readonly<Record<Role, number>>;
}

/** Starts the subject anew and ends it. */
export async function measureIdle(
  subject: Subject,
  streams: number,
  options: PairOptions,
): Promise<IdleStreams> {
  await using pair = await Pair.start(subject, { ...options, nodeOptions: () => ["--expose-gc"] });
  await pair.hold(Math.min(WARM_UP_STREAMS, streams));
  await pair.hold(0);
  const before = await settledUsage(pair);
  const sample = await pair.hold(streams);
  const after = await settledUsage(pair);
  const perStream = (role: Role): number =>
    (after[role].residentBytes - before[role].residentBytes) / streams;
  return {
    subject: subject.name,
    streams,
    sample,
    bytes: { client: after.client.residentBytes, server: after.server.residentBytes },
    bytesPerStream: { client: perStream("client"), server: perStream("server") },
  };
}

/** A collection frees what the one before it has finalised. */
async function settledUsage(pair: Pair): ReturnType<Pair["usage"]> {
  await sleep(SETTLE_MS);
  await pair.usage();
  await sleep(SETTLE_MS);
  return await pair.usage();
}

export interface IdleRow extends Omit<Row, "cpuUsPerCall"> {
  readonly clientBytesPerStream: number;
  readonly serverBytesPerStream: number;
}

export function idleRowOf({ subject, streams, sample, bytesPerStream }: IdleStreams): IdleRow {
  return {
    case: `idle-${streams}`,
    subject,
    perSecond: Math.round(sample.perSecond),
    p50Ms: Math.round(sample.p50Ms * 1000) / 1000,
    p99Ms: Math.round(sample.p99Ms * 1000) / 1000,
    clientBytesPerStream: Math.round(bytesPerStream.client),
    serverBytesPerStream: Math.round(bytesPerStream.server),
  };
}

const HEAD = ["subject", "opened/s", "client B/stream", "server B/stream", "client MiB", "server MiB"];

export function idleLines(all: readonly IdleStreams[]): string[][] {
  const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0);
  const lines = all.map((idle) => {
    const { subject, perSecond, clientBytesPerStream, serverBytesPerStream } = idleRowOf(idle);
    const perStream = [perSecond, clientBytesPerStream, serverBytesPerStream].map(String);
    return [subject, ...perStream, mebibytes(idle.bytes.client), mebibytes(idle.bytes.server)];
  });
  return [HEAD, ...lines];
}

export function formatIdle(all: readonly IdleStreams[]): string {
  const streams = all[0]?.streams ?? 0;
  return `idle (memory of ${streams} open streams)\n${formatTable(idleLines(all))}`;
}
