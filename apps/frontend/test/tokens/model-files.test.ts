/** Models whose files can't be used, and workers of one model that don't agree. */
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { deploy } from "../support/deployment.ts";
import type { ChatHandler } from "../support/deployment.ts";
import { chat, errorOf, send } from "../support/http.ts";
import { text } from "../support/chunks.ts";
import { modelFolder, saying, serveTokens, tokensCard } from "./support.ts";

function engine(answer: string): ChatHandler {
  return async function* () {
    yield* saying(answer);
  };
}

function says(answer: string): ChatHandler {
  return async function* () {
    yield text(answer);
  };
}

test("a model whose files are not those of its card is refused with 503, until a worker has the right ones", async () => {
  const deployment = await deploy();
  const folder = await modelFolder();
  const card = await tokensCard(folder);
  await appendFile(join(folder, "tokenizer.json"), " ");
  await deployment.serve(engine("a"), { card });
  const refused = await send(deployment.url, { body: chat() });
  expect(refused.status).toBe(503);
  expect(refused.headers["retry-after"]).toBe("5");
  expect(errorOf(refused).message).toBe("Model 'm' can't be served: its files can't be used");
  // Paths are for the log alone.
  expect(refused.body).not.toContain(folder);

  await deployment.serve(engine("b"), { card: await tokensCard(await modelFolder()) });
  expect((await send(deployment.url, { body: chat() })).status).toBe(200);
});

test("workers that take text and workers that take tokens are not mixed in one model", async () => {
  const served = await serveTokens(() => saying("tokens"));
  const { deployment } = served;
  const other = await deployment.launch(says("text"), { card: {} });
  await deployment.serve(says("other"), { model: "m2", endpoint: "dynamo.other.generate" });
  expect(deployment.sees(other, "m")).toBe(false);
  for (let turn = 0; turn < 4; turn++) expect((await served.chat()).body).toContain('"content":"tokens"');
});

test("a prompt that is long is tokenized on another thread, and takes the same way", async () => {
  const served = await serveTokens(() => saying("ok"));
  // A space and an x are one token, y is another one.
  const content = "xy ".repeat(5_000);
  const answer = await served.chat({ messages: [{ role: "user", content }] });
  expect(answer.status).toBe(200);
  expect(served.requests[0]?.token_ids).toHaveLength(5 + 2 * 5_000);
});
