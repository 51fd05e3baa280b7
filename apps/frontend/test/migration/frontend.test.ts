/** Whether and how often requests move on, as the frontend's options and the model's card have it. */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { expect, test } from "vitest";
import { text } from "../support/chunks.ts";
import { deploy } from "../support/deployment.ts";
import type { Deployment } from "../support/deployment.ts";
import { chat, send } from "../support/http.ts";
import { seriesOf } from "../support/metrics.ts";
import { chunksOf } from "../support/sse.ts";
import { bytesOf, saying, serveTokens } from "../tokens/support.ts";
import type { Engine } from "../tokens/support.ts";

const lost = () => new RequestPlaneError("disconnected", "Stream ended before generation completed");

/** Says "abc", and is lost each time that nothing but its beginning has been said. */
const losing: Engine = function* ({ token_ids: prompt }) {
  const said = prompt.at(-1) === bytesOf("b")[0];
  yield* said ? saying("c") : bytesOf("ab").map((id) => ({ token_ids: [id] }));
  if (!said) throw lost();
};

async function migrations({ frontend }: Deployment): Promise<Record<string, number>> {
  const series = [...seriesOf(await frontend.metrics.text())];
  const prefix = "dynamo_frontend_model_migration_total";
  return Object.fromEntries(series.filter(([name]) => name.startsWith(prefix)));
}

const ONGOING = 'dynamo_frontend_model_migration_total{model="m",migration_type="ongoing_request"}';

test("the card says how often, as workers of 0.7 have it", async () => {
  const { deployment, requests, ...served } = await serveTokens(losing, { card: { migration_limit: 1 } });
  const answer = await served.chat({ max_tokens: 5 });
  expect(JSON.parse(answer.body)).toMatchObject({
    choices: [{ message: { content: "abc" }, finish_reason: "stop" }],
    usage: { prompt_tokens: requests[0]?.token_ids.length, completion_tokens: 3 },
  });
  expect(requests.map(({ stop_conditions: { max_tokens: limit } }) => limit)).toEqual([5, 3]);
  await deployment.rest();
  expect(await migrations(deployment)).toEqual({ [ONGOING]: 1 });
});

test("the option wins over the card, and 0 is never", async () => {
  const served = await serveTokens(losing, { card: { migration_limit: 1 }, options: { migrationLimit: 0 } });
  const answer = await served.chat({ stream: true });
  expect(chunksOf(answer.body).at(-1)).toMatchObject({ error: { code: 503 } });
  expect(served.requests).toHaveLength(1);
  expect(await migrations(served.deployment)).toEqual({ [ONGOING]: 1 });
});

test("what is longer than it may be stays", async () => {
  const options = { migrationLimit: 1, migrationMaxSeqLen: 3 };
  const served = await serveTokens(losing, { options });
  const answer = await served.chat();
  expect(answer.status).toBe(503);
  const series = seriesOf(await served.deployment.frontend.metrics.text());
  expect(series.get('dynamo_frontend_model_migration_max_seq_len_exceeded_total{model="m"}')).toBe(1);
});

test("a model that takes text can't be carried on", async () => {
  const deployment = await deploy({ migrationLimit: 3 });
  let asked = 0;
  await deployment.serve(async function* () {
    asked += 1;
    yield text("a");
    throw lost();
  });
  const answer = await send(deployment.url, { body: chat({ stream: true }) });
  expect(chunksOf(answer.body)).toMatchObject([text("a"), { error: { code: 503 } }]);
  expect(asked).toBe(1);
});
