import { readFileSync } from "node:fs";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createParser } from "eventsource-parser";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { freePort } from "@dynamo/test-support/free-port";
import { Deployment, MODEL } from "../src/deployment.ts";
import { until } from "./launcher.ts";

const STREAMS = 1_000;
const WORDS = 20;
const ROUNDS = 4;

let deployment: Deployment;
let port: number;
const agent = new Agent({ keepAlive: false, maxSockets: Infinity });

beforeAll(async () => {
  port = await freePort();
  vi.stubEnv("NODE_OPTIONS", `--import ${new URL("collect-on-signal.ts", import.meta.url).href}`);
  deployment = new Deployment(port);
  await until(async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/models`).catch(() => undefined);
    return (await answer?.text())?.includes(MODEL) ?? false;
  });
});

afterAll(() => deployment.end());

describe("one frontend and two workers", () => {
  it("carry 1,000 streams at a time, none lost, none crossed, and give the memory back", async () => {
    // The first rounds fill the caches of the runtime: compiled code, pools, the shape of the heap.
    for (let round = 0; round < ROUNDS; round++) await streamAll();
    const start = await memoryInUse();
    for (let round = 0; round < ROUNDS; round++) await streamAll();
    await until(async () => {
      const now = await memoryInUse();
      return now.every((kilobytes, index) => kilobytes < start[index]! * 1.1);
    });
  });
});

/** Every stream asks for words of its own and must get those, whole and in order. */
async function streamAll(): Promise<void> {
  const texts = Array.from({ length: STREAMS }, (_, stream) =>
    Array.from({ length: WORDS }, (_, word) => `s${stream}w${word}`).join(" "),
  );
  expect(await Promise.all(texts.map(echoed))).toEqual(texts);
}

async function echoed(text: string): Promise<string> {
  const body = JSON.stringify({ model: MODEL, stream: true, messages: [{ role: "user", content: text }] });
  const call = request({ port, method: "POST", path: "/v1/chat/completions", agent });
  call.setHeader("content-type", "application/json").end(body);
  const [response] = (await once(call, "response")) as [NodeJS.ReadableStream];
  let content = "";
  let isDone = false;
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data === "[DONE]") isDone = true;
      else content += (JSON.parse(data) as Chunk).choices[0]?.delta.content ?? "";
    },
  });
  for await (const chunk of response) parser.feed(String(chunk));
  return isDone ? content : `${content} (no [DONE])`;
}

interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[];
}

/** Resident memory of each process in kilobytes, without garbage. */
async function memoryInUse(): Promise<number[]> {
  const pids = deployment.children.flatMap(({ pid }) => pid ?? []);
  for (const pid of pids) process.kill(pid, "SIGUSR2");
  // Nothing tells when the pages are back with the system; it takes some milliseconds.
  await sleep(1_000);
  return pids.map((pid) =>
    Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]),
  );
}
