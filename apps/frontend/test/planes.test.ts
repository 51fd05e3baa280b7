import { memoryDiscovery } from "@dynamo/discovery";
import { createNetworkManager } from "@dynamo/request-plane-core";
import type { NetworkManager } from "@dynamo/request-plane-core";
import { http } from "@dynamo/request-plane-http";
import { tcp } from "@dynamo/request-plane-tcp";
import { LOOPBACK } from "@dynamo/test-support/loopback";
import { afterEach, describe, expect, it } from "vitest";

const discovery = memoryDiscovery();
const managers: NetworkManager[] = [];

function manager(): NetworkManager {
  const transports = [tcp({ environment: LOOPBACK }), http({ environment: LOOPBACK })];
  const made = createNetworkManager({ transports, discovery, environment: LOOPBACK });
  managers.push(made);
  return made;
}

afterEach(async () => {
  for (const made of managers.splice(0)) await made.close({ drainMs: 1_000 });
});

describe("several planes", () => {
  it("are served and called by one process at once, each instance on the plane it advertises", async () => {
    const endpoint = manager().endpoint<null, string>("several.planes.name");
    const served = [
      await endpoint.serve(() => ["over tcp"], { plane: "tcp" }),
      await endpoint.serve(() => ["over http"], { plane: "http" }),
    ];
    expect(served.map(({ instance }) => Object.keys(instance.transport))).toEqual([["tcp"], ["http"]]);
    const client = manager().endpoint<null, string>("several.planes.name").client();
    await client.waitForInstances({ count: 2 });
    const answers = new Set<string>();
    for (let call = 0; call < 4; call++)
      for await (const text of await client.roundRobin(null)) answers.add(text);
    expect([...answers].sort()).toEqual(["over http", "over tcp"]);
  });

  it("let a fleet move from one to the other without losing a request", async () => {
    const name = "several.planes.moving";
    const fleet = [manager(), manager()];
    const serve = (worker: NetworkManager, plane: string) =>
      worker.endpoint<null, string>(name).serve(() => [plane], { plane });
    const before = await Promise.all(fleet.map((worker) => serve(worker, "tcp")));
    const client = manager().endpoint<null, string>(name).client();
    await client.waitForInstances({ count: 2 });

    const moving = new AbortController();
    const answers: string[] = [];
    const callers = Array.from({ length: 8 }, async () => {
      while (!moving.signal.aborted) {
        for await (const plane of await client.roundRobin(null)) answers.push(plane);
      }
    });
    const moreAnswers = async (): Promise<void> => {
      const enough = answers.length + 50;
      await expect.poll(() => answers.length).toBeGreaterThan(enough);
    };
    await moreAnswers();
    for (const [index, worker] of fleet.entries()) {
      await serve(worker, "http");
      await before[index]?.close();
      await moreAnswers();
    }
    moving.abort();
    await Promise.all(callers);
    expect([answers[0], answers.at(-1)]).toEqual(["tcp", "http"]);
    expect(client.instances().flatMap(({ transport }) => Object.keys(transport))).toEqual(["http", "http"]);
  });

  it("are refused by name when they weren't given", async () => {
    await expect(
      manager()
        .endpoint("several.planes.none")
        .serve(() => [], { plane: "nats" }),
    ).rejects.toMatchObject({
      code: "invalid_configuration",
      message: "No transport 'nats' among 'tcp', 'http'",
    });
  });
});
