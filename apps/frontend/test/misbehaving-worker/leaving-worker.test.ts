import type { Registration } from "@dynamo/request-plane-core";
import { describe, expect, test } from "vitest";
import { until } from "@dynamo/test-support";
import { WAYS } from "./support/failing.ts";
import { failure, success } from "./support/outcome.ts";
import { Scene } from "./support/scene.ts";
import { acknowledge, begin, end, hold, recover, send, threeChunks } from "./support/steps.ts";

const ORDERS = [
  { order: "the instance first", indices: [0, 1] },
  { order: "the card first", indices: [1, 0] },
] as const;

/** Takes the records away, each when the frontend has seen the one before. */
async function withdraw(
  scene: Scene,
  [endpoint, card]: readonly Registration[],
  indices: readonly number[],
): Promise<void> {
  const steps = [
    async () => {
      await endpoint?.unregister();
      await until("the instance is gone", () => scene.frontend.models.get("m")?.isReady !== true);
    },
    async () => {
      await card?.unregister();
      await until("the card is gone", () => scene.frontend.models.get("m") === undefined);
    },
  ];
  for (const index of indices) await steps[index]?.();
}

describe.concurrent.for(WAYS)("a worker that leaves discovery, $way", ({ stream }) => {
  test("18a: its card stays; 503 until it is back", async () => {
    await using scene = await Scene.start();
    const worker = await scene.scripted(recover);
    await withdraw(scene, worker.registrations, [0]);
    const outcome = await scene.ask(stream);
    expect(outcome).toMatchObject({ status: 503, error: { type: "service_unavailable", code: 503 } });
    expect(worker.exchanges).toEqual([]);
    await scene.publish(worker.endpoint);
    await until("it is back", () => scene.frontend.models.get("m")?.isReady === true);
    expect(await scene.ask(stream)).toEqual(success("recovered"));
  });

  test.for(ORDERS)("18b: with its card, $order; 404 that names the model", async ({ indices }) => {
    await using scene = await Scene.start();
    const worker = await scene.scripted(recover);
    await withdraw(scene, worker.registrations, indices);
    const { status, error } = await scene.ask(stream);
    expect(status).toBe(404);
    expect(error).toEqual({
      message: "Model not found: 'm'",
      type: "not_found_error",
      param: "model",
      code: 404,
    });
  });

  test.for(ORDERS)(
    "18c: with its card, $order, while it answers; the answer is whole",
    async ({ indices }) => {
      const gone = Promise.withResolvers<undefined>();
      await using scene = await Scene.start();
      const begun = [...begin, send(...threeChunks)];
      const worker = await scene.scripted([...begun, hold(gone.promise), end], recover);
      const outcome = scene.ask(stream);
      await until("the worker has the request", () => worker.exchanges.length === 1);
      // One that came later is answered, so this one has begun to be.
      expect(await scene.ask(stream)).toEqual(success("recovered"));
      await withdraw(scene, worker.registrations, indices);
      expect(scene.frontend.models.inFlight).toBe(1);
      gone.resolve(undefined);
      expect(await outcome).toEqual(success("abc"));
      await until("its client is closed", () => scene.frontend.manager.health().clients === 0);
    },
  );

  test.for(ORDERS)("18d: with its card, $order, before it dials; 503 at once", async ({ indices }) => {
    await using scene = await Scene.start();
    const worker = await scene.scripted([acknowledge]);
    const outcome = scene.ask(stream);
    await until("the worker has the request", () => worker.exchanges.length === 1);
    await withdraw(scene, worker.registrations, indices);
    expect(await outcome).toEqual(failure(503));
  });

  test("18d: before it dials, beside a healthy worker that answers instead", async () => {
    await using scene = await Scene.start();
    const worker = await scene.scripted([acknowledge]);
    await scene.healthy();
    const outcome = scene.ask(stream);
    await until("the worker has the request", () => worker.exchanges.length === 1);
    for (const registration of worker.registrations) await registration.unregister();
    expect(await outcome).toEqual(success("healthy"));
  });
});
