import { describe, expect, test } from "vitest";
import { text } from "./support/chunks.ts";
import { deploy } from "./support/deployment.ts";
import type { Deployment, Worker } from "./support/deployment.ts";
import { chat, errorOf, send } from "./support/http.ts";
import type { Sent } from "./support/http.ts";

const HEADER = "x-dynamo-worker-instance-id";

async function serveNamed(deployment: Deployment, name: string): Promise<Worker> {
  return deployment.serve(async function* () {
    yield text(name);
  });
}

async function whoAnswers(deployment: Deployment, sent: Sent = {}): Promise<string> {
  const answer = await send(deployment.url, { body: chat(), ...sent });
  if (answer.status !== 200) return String(answer.status);
  return (JSON.parse(answer.body) as { choices: { message: { content: string } }[] }).choices[0]!.message
    .content;
}

/** The id as a bare number, which `JSON.stringify` can't write. */
function pinnedBody(id: bigint): string {
  return chat({ nvext: { backend_instance_id: 0 } }).replace(
    '"backend_instance_id":0',
    `"backend_instance_id":${id}`,
  );
}

describe("router modes", () => {
  test("round-robin takes workers in turn", async () => {
    const deployment = await deploy();
    for (const name of ["a", "b", "c"]) await serveNamed(deployment, name);
    const answers: string[] = [];
    for (let index = 0; index < 6; index += 1) answers.push(await whoAnswers(deployment));
    expect(answers.toSorted()).toEqual(["a", "a", "b", "b", "c", "c"]);
  });

  test("least-loaded avoids the busy worker", async () => {
    const deployment = await deploy({ routerMode: "least-loaded" });
    const busy = Promise.withResolvers<unknown>();
    let waiting = 0;
    for (const name of ["a", "b"]) {
      await deployment.serve(async function* (request) {
        yield text(name);
        if (request["max_tokens"] !== 1) return;
        waiting += 1;
        await busy.promise;
      });
    }
    const held = whoAnswers(deployment, { body: chat({ max_tokens: 1 }) });
    await expect.poll(() => waiting).toBe(1);
    const answers = new Set<string>();
    for (let index = 0; index < 6; index += 1) answers.add(await whoAnswers(deployment));
    busy.resolve(undefined);
    expect(answers.size).toBe(1);
    expect([...answers][0]).not.toBe(await held);
  });

  test("random reaches all workers", async () => {
    const deployment = await deploy({ routerMode: "random" });
    for (const name of ["a", "b"]) await serveNamed(deployment, name);
    const answers = new Set<string>();
    for (let index = 0; answers.size < 2 && index < 100; index += 1)
      answers.add(await whoAnswers(deployment));
    expect(answers.size).toBe(2);
  });

  test("direct refuses a request that names no worker, and says how to", async () => {
    const deployment = await deploy({ routerMode: "direct" });
    const worker = await serveNamed(deployment, "a");
    const answer = await send(deployment.url, { body: chat({ stream: true }) });
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatchObject({
      param: HEADER,
      message: expect.stringContaining(HEADER) as string,
    });
    expect(await whoAnswers(deployment, { headers: { [HEADER]: String(worker.id) } })).toBe("a");
  });
});

describe.each(["round-robin", "direct"] as const)("a request that names its worker (%s)", (routerMode) => {
  test("gets it: by header, decimal or hexadecimal, and by nvext, above 2^53 too", async () => {
    const deployment = await deploy({ routerMode });
    const workers = new Map([
      ["a", await serveNamed(deployment, "a")],
      ["b", await serveNamed(deployment, "b")],
    ]);
    for (const [name, { id }] of workers) {
      const ways: Sent[] = [
        { headers: { [HEADER]: id.toString() } },
        { headers: { [HEADER]: `0x${id.toString(16)}` } },
        { body: pinnedBody(id) },
        { body: pinnedBody(1n), headers: { [HEADER]: id.toString() } },
      ];
      for (const way of ways) expect(await whoAnswers(deployment, way)).toBe(name);
    }
  });

  test("that isn't there gets a 503 that names it", async () => {
    const deployment = await deploy({ routerMode });
    await serveNamed(deployment, "a");
    const answer = await send(deployment.url, { headers: { [HEADER]: "12345" }, body: chat() });
    expect(answer.status).toBe(503);
    expect(errorOf(answer).message).toContain("12345");
  });

  test.each(["", "ff", "-1", "1.5", "0x", "18446744073709551616", "1, 2"])(
    "as '%s' gets a 400",
    async (id) => {
      const deployment = await deploy({ routerMode });
      await serveNamed(deployment, "a");
      const answer = await send(deployment.url, { headers: { [HEADER]: id }, body: chat() });
      expect(answer.status).toBe(400);
      expect(errorOf(answer).param).toBe(HEADER);
    },
  );

  test.each(["-1", "1.5", '"1"', "1e3"])("as %s in nvext gets a 400", async (id) => {
    const deployment = await deploy({ routerMode });
    await serveNamed(deployment, "a");
    const body = pinnedBody(0n).replace('"backend_instance_id":0', `"backend_instance_id":${id}`);
    expect((await send(deployment.url, { body })).status).toBe(id === "1e3" ? 503 : 400);
  });
});
