import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { recordings } from "./support/recorded.ts";
import { served } from "./support/plane.ts";
import { until } from "@dynamo/test-support";
import { addressOf } from "@dynamo/test-world";
import { World } from "./support/world.ts";

const HEAD_END = "\r\n\r\n";

interface Head {
  readonly line: string;
  readonly headers: ReadonlyMap<string, string>;
}

function headOf(bytes: Buffer): Head {
  const [line = "", ...fields] = bytes.toString("latin1").split(HEAD_END, 1)[0]!.split("\r\n");
  const headers = fields.map((field): [string, string] => {
    const colon = field.indexOf(":");
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
  });
  return { line, headers: new Map(headers) };
}

/** Sends bytes and collects what comes back, up to its end or as much as is waited for. */
async function exchange(
  address: string,
  bytes: Buffer,
  isWhole: (answer: Buffer) => boolean,
): Promise<Buffer> {
  const { hostname, port } = new URL(address);
  const socket = connect(Number(port), hostname);
  let answer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => (answer = Buffer.concat([answer, chunk])));
  socket.write(bytes);
  await until("the answer is whole", () => isWhole(answer));
  socket.destroy();
  return answer;
}

test("There are recordings of the HTTP plane", () => {
  expect(recordings().map(({ name }) => name)).toContain("0.7.1 three_items");
});

describe.each(recordings())("The recording $name", ({ request, callHome }) => {
  test("is a request that is accepted and acknowledged like then", async () => {
    await using plane = await served();
    const answer = await exchange(plane.address, request.dialer, (bytes) => bytes.includes(HEAD_END));
    const recorded = headOf(request.listener);
    const ours = headOf(answer);
    expect(ours.line).toBe(recorded.line);
    for (const [name, value] of recorded.headers) {
      if (name === "date") expect(Date.parse(ours.headers.get(name)!)).toBeGreaterThan(0);
      else expect([name, ours.headers.get(name)]).toEqual([name, value]);
    }
    expect(answer.subarray(answer.indexOf(HEAD_END) + 4)).toHaveLength(0);
    const body = request.dialer.subarray(request.dialer.indexOf(HEAD_END) + 4);
    expect(plane.requests.map(({ envelope }) => Buffer.from(envelope))).toEqual([body]);
    expect(plane.requests[0]!.headers).toEqual({ accept: "*/*" });
  });

  test("is answered by a call home with the same bytes", async () => {
    let heard = Buffer.alloc(0);
    const caller = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (chunk: Buffer) => (heard = Buffer.concat([heard, chunk])));
      socket.on("end", () => socket.end());
    });
    await new Promise<void>((resolve) => caller.listen(0, "127.0.0.1", resolve));
    await using world = new World();
    world.onEnd(async () => void caller.close());
    const { served } = await world.worker(async function* ({ n, text }: { n: number; text: string }) {
      for (let i = 0; i < n; i++) yield { i, text };
    });
    const dialed = aimedAt(request.dialer, (caller.address() as AddressInfo).port);
    await exchange(addressOf(served.instance), dialed, (bytes) => bytes.includes(HEAD_END));
    await until("the response is whole", () => heard.length >= callHome.dialer.length);
    expect(heard.toString()).toBe(callHome.dialer.toString());
  });
});

/** The recorded request with another port to call home to, of five digits like the recorded one. */
function aimedAt(dialer: Buffer, port: number): Buffer {
  const text = dialer.toString("latin1");
  const aimed = text.replace(/127\.0\.0\.1:\d{5}\\"/, `127.0.0.1:${port}\\"`);
  expect(aimed).toHaveLength(text.length);
  return Buffer.from(aimed, "latin1");
}
