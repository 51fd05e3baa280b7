import { fork } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { hasNatsServer } from "@dynamo/nats-server";
import { describe, expect, test, vi } from "vitest";
import { prepareNats } from "../src/nats.ts";
import { bareNats } from "../src/subjects/bare-nats.ts";
import { callHome } from "../src/subjects/call-home.ts";

const isThere = await hasNatsServer();
const ignore = (): void => undefined;

describe.skipIf(!isThere)("a nats-server", () => {
  test("is up for subjects that need it, and gone afterwards", async () => {
    const prepared = await prepareNats([callHome, bareNats], { report: ignore });
    expect(prepared.subjects).toEqual([callHome, bareNats]);
    const { natsUrl } = prepared;
    expect(await answers(natsUrl)).toBe(true);
    await prepared[Symbol.asyncDispose]();
    expect(await answers(natsUrl)).toBe(false);
  });

  test("is gone after an interruption", async () => {
    const interruption = new AbortController();
    await using prepared = await prepareNats([bareNats], { report: ignore, signal: interruption.signal });
    interruption.abort();
    await vi.waitUntil(async () => !(await answers(prepared.natsUrl)), { timeout: 10_000 });
  });

  test("is gone after the bench was killed", async () => {
    const bench = fork(new URL("nats-user.ts", import.meta.url), { execArgv: [] });
    const [natsUrl] = (await once(bench, "message")) as [string];
    expect(await answers(natsUrl)).toBe(true);
    bench.kill("SIGKILL");
    await vi.waitUntil(async () => !(await answers(natsUrl)), { timeout: 10_000 });
  });
});

test("nothing is started for subjects that need none", async () => {
  await using prepared = await prepareNats([callHome], { report: ignore });
  expect(prepared).toMatchObject({ subjects: [callHome], natsUrl: undefined });
});

test("subjects that need a nats-server are left out, with one line, when there is none", async () => {
  const lines: string[] = [];
  const program = new URL("failing-server.ts", import.meta.url);
  const report = (line: string): void => void lines.push(line);
  await using prepared = await prepareNats([callHome, bareNats], { report, program });
  expect(prepared).toMatchObject({ subjects: [callHome], natsUrl: undefined });
  expect(lines).toEqual(["Left out: bare-nats (nats-server: no port is good enough)"]);
});

async function answers(url: string | undefined): Promise<boolean> {
  const socket = connect(Number(new URL(url!).port), "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
