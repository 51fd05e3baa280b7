/** Models whose files can't be used, and workers of one model that don't agree. */
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { textChatCard } from "@dynamo/discovery";
import { Preprocessor } from "@dynamo/preprocessor";
import { until } from "@dynamo/test-support";
import { expect, onTestFinished, test, vi } from "vitest";
import { Model } from "../../src/model.ts";
import type { ChatClient } from "../../src/model.ts";
import { Preprocessors } from "../../src/tokens/preprocessors.ts";
import { deploy } from "../support/deployment.ts";
import type { ChatHandler, Deployment } from "../support/deployment.ts";
import { chat, errorOf, send } from "../support/http.ts";
import { text } from "../support/chunks.ts";
import { modelFolder, saying, serveTokens, tokensCard } from "./support.ts";

function engine(answer: string): ChatHandler {
  return async function* () {
    yield* saying(answer);
  };
}

async function listed({ url }: Deployment): Promise<string[]> {
  const { body } = await send(url, { method: "GET", path: "/v1/models" });
  return (JSON.parse(body) as { data: { id: string }[] }).data.map(({ id }) => id);
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
  expect(refused.headers["retry-after"]).toBe("1");
  expect(errorOf(refused).message).toBe("Model 'm' can't be served: its files can't be used");
  // Paths are for the log alone.
  expect(refused.body).not.toContain(folder);
  expect(await listed(deployment)).toEqual([]);
  const one = await send(deployment.url, { method: "GET", path: "/v1/models/m" });
  expect([one.status, errorOf(one).message]).toEqual([404, "Model not found: 'm'"]);

  await deployment.serve(engine("b"), { card: await tokensCard(await modelFolder()) });
  expect((await send(deployment.url, { body: chat() })).status).toBe(200);
  expect(await listed(deployment)).toEqual(["m"]);
});

test("files that can't be used are read again until they can, which is said once each", async () => {
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const preprocessors = new Preprocessors(logger);
  onTestFinished(() => preprocessors.close());
  const folder = await modelFolder();
  const path = join(folder, "tokenizer.json");
  const good = await readFile(path);
  const card = textChatCard("m", await tokensCard(folder));
  const client = { instances: () => [] } as unknown as ChatClient;
  const model = new Model(
    { name: "m", created: 0, endpoints: [{ client, workers: new Map([[1n, card]]) }] },
    ["tcp"],
  );
  const reads = vi.spyOn(Preprocessor, "load");
  onTestFinished(() => reads.mockRestore());
  await writeFile(path, "other");
  preprocessors.update([model]);
  await until("they are read again", () => reads.mock.calls.length === 2);
  await expect(reads.mock.results[1]?.value).rejects.toThrow("tokenizer.json");
  expect(preprocessors.canServe(model)).toBe(false);
  await writeFile(path, good);
  await until("they can be used", () => preprocessors.canServe(model));
  expect(logger.error).toHaveBeenCalledOnce();
  expect(logger.error).toHaveBeenCalledWith(
    expect.objectContaining({ model: "m", source: folder }),
    "The files of a model can't be used, and it isn't served; they are read again",
  );
  expect(logger.info).toHaveBeenCalledOnce();
  preprocessors.update([]);
  expect(preprocessors.canServe(model)).toBe(false);
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
