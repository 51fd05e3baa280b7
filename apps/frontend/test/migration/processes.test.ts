/**
 * The program before worker processes that are killed while they answer. `DYNAMO_MIGRATION_PROCESS_KILLS` says how many
 * of them, for each way to run.
 */
import { randomUUID } from "node:crypto";
import { text } from "node:stream/consumers";
import { seededBelow } from "@dynamo/test-support";
import { expect, test } from "vitest";
import { chat, headOf, open, send } from "../support/http.ts";
import { sumOf } from "../support/metrics.ts";
import { until } from "@dynamo/test-support";
import { Program, discoveryFolder } from "../support/program.ts";
import { chunksOf } from "../support/sse.ts";
import { modelFolder } from "../tokens/support.ts";
import { WorkerProcess } from "./support/worker-processes.ts";

const KILLS = Number(process.env["DYNAMO_MIGRATION_PROCESS_KILLS"] ?? 1);
const TOKENS = 40;

interface Chunk {
  readonly choices: readonly {
    readonly delta: { readonly content?: string };
    readonly finish_reason: unknown;
  }[];
  readonly usage?: unknown;
}

/** What a client has to see the same. */
function summary(body: string) {
  const chunks = chunksOf(body) as Chunk[];
  const choices = chunks.flatMap(({ choices: [choice] }) => choice ?? []);
  return {
    text: choices.map(({ delta }) => delta.content ?? "").join(""),
    ends: choices.flatMap(({ finish_reason: reason }) => reason ?? []),
    usage: chunks.at(-1)?.usage,
  };
}

test.each([
  ["in turn, with responses in-band", ["--router-mode", "round-robin"], "auto"],
  ["in turn, with responses that call home", ["--router-mode", "round-robin"], "callhome"],
  ["by KV cache", ["--router-mode", "kv", "--no-router-kv-events"], "auto"],
])(
  `a client sees one answer when workers chosen %s are killed`,
  { timeout: 60_000 + KILLS * 5_000 },
  async (_how, args, responsePlane) => {
    const folder = await modelFolder();
    const env = {
      DYN_FILE_KV: discoveryFolder(),
      DYN_REQUEST_PLANE: "tcp",
      DYN_RESPONSE_PLANE: responsePlane,
    };
    const frontend = new Program(
      ["--http-host", "127.0.0.1", "--http-port", "0", "--migration-limit", "3", ...args],
      env,
    );
    const launch = () => new WorkerProcess(folder, env);
    let workers = [launch(), launch()];
    const url = await frontend.url();
    await Promise.all(workers.map((worker) => worker.serving()));
    await until(
      "the frontend sees the model",
      async () => (await send(url, { body: body(0) })).status === 200,
    );

    const random = seededBelow(KILLS);
    for (let kill = 0; kill < KILLS; kill += 1) {
      const undisturbed = await send(url, { body: body(kill) });
      const id = randomUUID();
      const response = await headOf(open(url, { body: body(kill), headers: { "x-dynamo-request-id": id } }));
      const answer = text(response);
      await new Promise((resolve) => setTimeout(resolve, random(60)));
      const victim = workers.find((worker) => worker.isAnswering(id));
      if (!victim) throw new Error("No worker says that it answers");
      await victim.kill();
      expect(summary(await answer)).toEqual(summary(undisturbed.body));
      const next = launch();
      workers = [...workers.filter((worker) => worker !== victim), next];
      await next.serving();
    }

    const metrics = async () => (await send(url, { method: "GET", path: "/metrics" })).body;
    expect(sumOf(await metrics(), /model_migration_total\{.*ongoing_request/)).toBeGreaterThan(0);
    await expect.poll(async () => sumOf(await metrics(), /_(inflight|active|queued)_requests/)).toBe(0);
  },
);

function body(seed: number): string {
  return chat({
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: TOKENS,
    seed,
    // No end before that.
    min_tokens: TOKENS,
  });
}
