import { startNatsServer } from "@dynamo/nats-server";
import { describeWithNats } from "@dynamo/nats-server/vitest";
import type { NatsServer } from "@dynamo/nats-server";
import { expect, it, onTestFinished } from "vitest";
import { ChatLoad } from "./chat-load.ts";
import { ask, MODEL } from "./chat-request.ts";
import { Fleet, offers } from "./fleet.ts";
import type { Frontend, Worker } from "./fleet.ts";
import { until } from "./launcher.ts";

const CALLERS = 8;
const WORDS = 5;
const ITL_MS = 10;
/** Fills the caches of the runtime, before memory is measured. */
const FIRST_OUTAGES = 5;
const OUTAGES = 20;
/** An answer is complete or has failed after that; twice as long on a busy machine. */
const TOTAL_SECONDS = 10;
const BOUND_MS = 2 * TOTAL_SECONDS * 1_000;
const CALM_REQUESTS = 200;

describeWithNats("a frontend and two workers", { timeout: 180_000 }, () => {
  it("come through a NATS server that is killed again and again", async () => {
    const nats = await startNatsServer();
    onTestFinished(() => nats[Symbol.asyncDispose]());
    const fleet = new Fleet({
      NATS_SERVER: nats.url,
      DYN_NATS_REQUEST_TIMEOUT_SECS: "2",
      DYN_RESPONSE_ESTABLISH_TIMEOUT_SECS: "4",
      DYN_RESPONSE_FIRST_ITEM_TIMEOUT_SECS: "4",
      DYN_HTTP_BACKEND_STREAM_TIMEOUT_SECS: "4",
      DYN_RESPONSE_TOTAL_TIMEOUT_SECS: String(TOTAL_SECONDS),
    });
    onTestFinished(() => fleet[Symbol.dispose]());
    const itl = ["--itl-ms", String(ITL_MS)];
    const workers = await Promise.all([fleet.worker("nats", ...itl), fleet.worker("nats", ...itl)]);
    const frontend = await fleet.frontend("nats");
    const { program, port } = frontend;
    await expect.poll(() => offers(frontend, MODEL)).toBe(true);

    const suffer = async (outages: number): Promise<void> => {
      const load = new ChatLoad({ port, callers: CALLERS, words: WORDS, boundMs: BOUND_MS });
      for (let outage = 0; outage < outages; outage++) await survive(nats, load, outage % 2 === 0);
      await load.stop();
      expect(load.wrongs).toEqual([]);
      await until(() => allAnswer(frontend, workers));
    };

    await suffer(FIRST_OUTAGES);
    const memory = await program.memoryInUse();
    const { descriptors } = program;

    await suffer(OUTAGES);
    await until(async () => (await program.memoryInUse()) < memory * 1.1);
    await until(async () => program.descriptors <= descriptors);

    const calm = new ChatLoad({ port, callers: CALLERS, words: WORDS, boundMs: BOUND_MS });
    await calm.carries(CALM_REQUESTS);
    await calm.stop();
    expect({ failures: calm.failures, wrongs: calm.wrongs }).toEqual({ failures: [], wrongs: [] });
    await nats.kill("SIGKILL"); // Nobody needs it for an orderly end.
    const programs = [program, ...workers.map((worker) => worker.program)];
    expect(await Promise.all(programs.map((each) => each.terminate()))).toEqual(
      programs.map(() => "exit code 0"),
    );
  });
});

/** One outage, as short as can be or until a request fails, and the time until requests are answered again. */
async function survive(nats: NatsServer, load: ChatLoad, isNoticed: boolean): Promise<void> {
  await nats.kill("SIGKILL");
  if (isNoticed) await load.suffers();
  await nats.start();
  // More than the streams that went on during the outage.
  await load.carries(2 * CALLERS);
}

/** Whether every worker can be reached again, each asked by its name. */
async function allAnswer({ port }: Frontend, workers: readonly Worker[]): Promise<boolean> {
  const answers = workers.map(({ id }) => {
    const headers = { "x-dynamo-worker-instance-id": `0x${id}` };
    return ask({ port, text: id, boundMs: BOUND_MS, headers });
  });
  return (await Promise.all(answers)).every(({ content }, index) => content === workers[index]?.id);
}
