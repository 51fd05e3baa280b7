/** A frontend before workers that take tokens, which answer with whatever a test says. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ModelCard } from "@dynamo/discovery";
import { parsePreprocessedRequest } from "@dynamo/preprocessor/protocol";
import type { EngineOutput, PreprocessedRequest } from "@dynamo/preprocessor/protocol";
import type { RequestContext } from "@dynamo/request-plane-core";
import { testModelSlots, writeTestModel } from "@dynamo/test-model";
import { onTestFinished } from "vitest";
import type { Options } from "../../src/options.ts";
import { deploy } from "../support/deployment.ts";
import type { Deployment } from "../support/deployment.ts";
import { send } from "../support/http.ts";
import type { Answer } from "../support/http.ts";

export type Engine = (
  request: PreprocessedRequest,
  context: RequestContext,
) => AsyncIterable<EngineOutput> | Iterable<EngineOutput>;

export interface Served {
  readonly deployment: Deployment;
  /** What the worker was asked, in order. */
  readonly requests: PreprocessedRequest[];
  chat(fields?: object): Promise<Answer>;
  complete(fields: object): Promise<Answer>;
}

/** A folder with the model's files, gone after the test. */
export async function modelFolder(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "dynamo-model-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return writeTestModel(folder);
}

export async function tokensCard(folder: string): Promise<Partial<ModelCard>> {
  return {
    ...(await testModelSlots(folder)),
    source_path: folder,
    model_type: "Chat | Completions",
    model_input: "Tokens",
  };
}

export interface ServeOptions {
  readonly card?: Partial<ModelCard>;
  readonly options?: Partial<Options>;
}

export async function serveTokens(engine: Engine, { card, options }: ServeOptions = {}): Promise<Served> {
  const deployment = await deploy(options);
  const requests: PreprocessedRequest[] = [];
  const handler = async function* (message: unknown, context: RequestContext): AsyncGenerator {
    const request = parsePreprocessedRequest(message);
    requests.push(request);
    yield* engine(request, context);
  };
  await deployment.serve(handler, { card: { ...(await tokensCard(await modelFolder())), ...card } });
  const post = (path: string, body: object): Promise<Answer> =>
    send(deployment.url, { path, body: JSON.stringify({ model: "m", ...body }) });
  return {
    deployment,
    requests,
    chat: (fields = {}) =>
      post("/v1/chat/completions", { messages: [{ role: "user", content: "xy" }], ...fields }),
    complete: (fields) => post("/v1/completions", fields),
  };
}

/** The tokens of a text, one byte each. */
export function bytesOf(text: string): number[] {
  return [...Buffer.from(text)];
}

/** One item for each token, then the end. */
export function* saying(
  text: string,
  end: Partial<EngineOutput> = { finish_reason: "stop" },
): Iterable<EngineOutput> {
  for (const id of bytesOf(text)) yield { token_ids: [id] };
  yield { token_ids: [], ...end };
}
