import { describe, expect, test } from "vitest";
import { once } from "node:events";
import { chat, headOf, open } from "../support/http.ts";
import { until } from "@dynamo/test-support";
import { askUntilRecovered, WAYS } from "./support/failing.ts";
import { success } from "./support/outcome.ts";
import { Scene } from "./support/scene.ts";
import type { Script, ScriptedWorker } from "./support/scripted-worker.ts";
import { acknowledge, begin, dial, handshake, hold, recover, send, threeChunks } from "./support/steps.ts";

/** A request that its worker has. */
async function startRequest(scene: Scene, worker: ScriptedWorker, stream: boolean) {
  const outgoing = open(scene.url, { body: chat({ stream }) });
  await until("the worker has the request", () => worker.exchanges.length === 1);
  return outgoing;
}

async function isKilled(worker: ScriptedWorker): Promise<void> {
  await until("the worker is told", () => worker.exchanges[0]!.controls.includes('"kill"'));
  await until("the connection is closed", () => worker.responses === 0);
}

describe.concurrent.for(WAYS)("a client that leaves, $way", ({ stream }) => {
  test("15: after three chunks has its request killed", async () => {
    await using scene = await Scene.start();
    const sent = Promise.withResolvers<undefined>();
    const worker = await scene.scripted(
      [...begin, send(...threeChunks), () => sent.resolve(undefined)],
      recover,
    );
    const outgoing = await startRequest(scene, worker, stream);
    await sent.promise;
    if (stream) await once(await headOf(outgoing), "data");
    outgoing.destroy();
    await isKilled(worker);
    await scene.rest();
    expect(await scene.ask(stream)).toEqual(success("recovered"));
  });

  test("15d: before the worker dials has its request killed at the handshake", async () => {
    await using scene = await Scene.start();
    const left = Promise.withResolvers<undefined>();
    const worker = await scene.scripted([acknowledge, hold(left.promise), dial, send(handshake)], recover);
    (await startRequest(scene, worker, stream)).destroy();
    await scene.rest();
    left.resolve(undefined);
    await isKilled(worker);
    expect(await scene.ask(stream)).toEqual(success("recovered"));
  });

  test("15e: between handshake and prologue has its request killed at once", async () => {
    await using scene = await Scene.start();
    const shaken = Promise.withResolvers<undefined>();
    const script: Script = [acknowledge, dial, send(handshake), () => shaken.resolve(undefined)];
    const worker = await scene.scripted(script, recover);
    const outgoing = await startRequest(scene, worker, stream);
    await shaken.promise;
    outgoing.destroy();
    await isKilled(worker);
    await scene.rest();
    expect(await scene.ask(stream)).toEqual(success("recovered"));
  });

  test("says nothing about the worker: it keeps its turn beside a healthy one", async () => {
    await using scene = await Scene.start();
    const worker = await scene.scripted([...begin, send(...threeChunks)], recover);
    await scene.healthy();
    const outgoing = await startRequest(scene, worker, stream);
    outgoing.destroy();
    await scene.rest();
    expect(await askUntilRecovered(scene, stream)).toBe(1);
  });
});
