/**
 * What has to hold for every way in which a worker can fail: for a client that has only this worker, and for
 * one that has a healthy one too.
 */
import { expect } from "vitest";
import { failure, success } from "./outcome.ts";
import type { Outcome } from "./outcome.ts";
import { Scene } from "./scene.ts";
import type { Limits } from "./scene.ts";
import type { Script } from "./scripted-worker.ts";
import { recover } from "./steps.ts";

export interface Failing {
  /** Ends with what is different in Dynamo 1.6.1, where something is. */
  readonly name: string;
  readonly script: Script;
  readonly status: number;
  /** More of the error that the client gets. */
  readonly details?: object;
  /** Text that a client who streams has got by then. With any of it there is no going elsewhere. */
  readonly content?: string;
  /** The failure is the request's or the handler's: nobody else is asked and the worker isn't avoided. */
  readonly isFinal?: boolean;
  readonly limits?: Limits;
}

export const WAYS = [
  { way: "streaming", stream: true },
  { way: "whole", stream: false },
] as const;

/** How long a worker that failed is avoided when there is another one. */
const AVOIDED_MS = 1_000;
/** Far beyond that. */
const BACK_MS = 10_000;

/** The client is told, and the worker is asked again at once, for there is no other. */
export async function failsAlone(failing: Failing, stream: boolean): Promise<void> {
  await using scene = await Scene.start(failing.limits);
  const worker = await scene.scripted(failing.script, recover);
  expect(await scene.ask(stream)).toEqual(expected(failing, stream));
  await scene.rest();
  expect(await scene.ask(stream)).toEqual(success("recovered"));
  expect(worker.exchanges.length).toBe(2);
}

/** The healthy worker answers wherever it may, the sick one is left alone for a while and then taken back. */
export async function failsBesideHealthy(failing: Failing, stream: boolean): Promise<void> {
  await using scene = await Scene.start(failing.limits);
  const worker = await scene.scripted(failing.script, recover);
  await scene.healthy();
  const visible = failing.isFinal === true || failing.content !== undefined;
  expect(await scene.ask(stream)).toEqual(visible ? expected(failing, stream) : success("healthy"));
  expect(worker.exchanges.length).toBe(1);

  const healthyAnswers = await askUntilRecovered(scene, stream);
  expect(worker.exchanges.length).toBe(2);
  if (failing.isFinal === true) expect(healthyAnswers).toBe(1);
  else expect(worker.exchanges[1]!.at - worker.exchanges[0]!.at).toBeGreaterThanOrEqual(AVOIDED_MS);

  const afterwards: string[] = [];
  for (let index = 0; index < 4; index += 1) afterwards.push((await scene.ask(stream)).content);
  expect(afterwards.toSorted()).toEqual(["healthy", "healthy", "recovered", "recovered"]);
}

/** How many requests the healthy worker answered before. No other answer is accepted. */
export async function askUntilRecovered(scene: Scene, stream: boolean): Promise<number> {
  const giveUp = performance.now() + BACK_MS;
  for (let healthyAnswers = 0; performance.now() < giveUp; healthyAnswers += 1) {
    const outcome = await scene.ask(stream);
    if (outcome.content === "recovered") return healthyAnswers;
    expect(outcome).toEqual(success("healthy"));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`The worker is not asked again within ${BACK_MS} ms`);
}

function expected({ status, content, details }: Failing, stream: boolean): Outcome {
  const whole = failure(status, details);
  return stream && content !== undefined ? { ...whole, status: 200, content } : whole;
}
