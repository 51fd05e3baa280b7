/** A thread that reads one record file as fast as it can, until it is told to stop, and says what it saw. */
import { readFileSync } from "node:fs";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { decodeRecord } from "../../src/index.ts";

const port = parentPort!;
const rounds = new Set<unknown>();
const faults: string[] = [];
let reads = 0;
port.postMessage("ready");
while (!receiveMessageOnPort(port)) {
  reads++;
  try {
    const record = decodeRecord(readFileSync(workerData as string, "utf8"));
    const { round, padding } = record as unknown as { round: number; padding: string };
    if (padding.length !== (round * 7919) % 30_000) faults.push(`round ${round} is not whole`);
    rounds.add(round);
  } catch (error) {
    faults.push(String(error));
  }
}
port.postMessage({ reads, values: rounds.size, faults: faults.slice(0, 10) });
