/**
 * Requests for models whose workers take tokens: from OpenAI's fields to a prompt in tokens, through the engine call to a
 * worker, and back to OpenAI's answers.
 */
import type { Preprocessor } from "@dynamo/preprocessor";
import { preprocessedRequest } from "@dynamo/preprocessor/protocol";
import type { PreprocessedRequest } from "@dynamo/preprocessor/protocol";
import type { ChatRequest } from "../chat/schema.ts";
import { isFields } from "../chat/chunk.ts";
import type { CompletionRequest } from "../completions/schema.ts";
import type { Model } from "../model.ts";
import type { AnswerForm, AnswerHead } from "./answer-form.ts";
import { ChatForm } from "./chat-form.ts";
import { CompletionForm } from "./completion-form.ts";
import type { EngineCall } from "./engine-call.ts";
import { engineOptions } from "./engine-options.ts";
import type { Asked } from "./engine-options.ts";
import { mergeStreams } from "./merge-choices.ts";
import { pieces } from "./pieces.ts";
import type { Preprocessors } from "./preprocessors.ts";
import { answerLimit } from "./prompt-size.ts";
import { TokensAnswer } from "./tokens-answer.ts";
import { Usage } from "./usage.ts";
import type { CallFacts } from "./worker-call.ts";

/** Makes the call that brings the requests of a client to workers of the model. */
export type EngineCallFactory = (model: Model, facts: CallFacts) => EngineCall;

/** A prompt, as text where there is one. */
interface Prompt {
  readonly text: string | undefined;
  readonly ids: readonly number[];
}

export class TokensMode {
  readonly #preprocessors: Preprocessors;
  readonly #engineCall: EngineCallFactory;

  constructor(preprocessors: Preprocessors, engineCall: EngineCallFactory) {
    this.#preprocessors = preprocessors;
    this.#engineCall = engineCall;
  }

  /**
   * Resolves when the worker begins to answer. Rejects with what a client did wrong, by status 400, before a worker is
   * chosen, and with what the call rejects with.
   */
  async chat(model: Model, chat: ChatRequest, body: unknown, facts: CallFacts): Promise<TokensAnswer> {
    const preprocessor = await this.#preprocessors.of(model);
    const { messages, tools } = chat;
    const prompt = await preprocessor.chatPrompt({
      messages,
      tools,
      templateArguments: templateArguments(body),
    });
    const logprobs = chat.logprobs === true ? (chat.top_logprobs ?? 0) : null;
    const asked = {
      ...chat,
      promptField: "messages",
      maxTokens: chat.max_completion_tokens ?? chat.max_tokens ?? null,
      logprobs,
    };
    const form = new ChatForm(headOf("chatcmpl", model, facts));
    return this.#answer({ model, preprocessor, prompts: [prompt], asked, body, form }, facts);
  }

  /** The same for prompts without a chat. */
  async complete(
    model: Model,
    completion: CompletionRequest,
    body: unknown,
    facts: CallFacts,
  ): Promise<TokensAnswer> {
    const preprocessor = await this.#preprocessors.of(model);
    const prompts = await Promise.all(
      promptsOf(completion.prompt).map(async (given): Promise<Prompt> =>
        typeof given === "string"
          ? { text: given, ids: await preprocessor.tokenize(given, true) }
          : { text: undefined, ids: given },
      ),
    );
    const asked = {
      ...completion,
      promptField: "prompt",
      maxTokens: completion.max_tokens ?? null,
      logprobs: completion.logprobs ?? null,
    };
    const echoes =
      completion.echo === true ? prompts.map(({ text, ids }) => text ?? preprocessor.decode(ids, false)) : [];
    const form = new CompletionForm(headOf("cmpl", model, facts), echoes);
    return this.#answer({ model, preprocessor, prompts, asked, body, form }, facts);
  }

  async #answer(work: Work, facts: CallFacts): Promise<TokensAnswer> {
    const { preprocessor, prompts, form } = work;
    const requests = prompts.map((prompt) => requestOf(work, prompt, facts));
    const usages = requests.map(({ token_ids: ids }) => new Usage(ids.length));
    const cancellation = new AbortController();
    const signal =
      requests.length === 1 ? facts.signal : AbortSignal.any([facts.signal, cancellation.signal]);
    const cancel = (): void => cancellation.abort();
    const calls = requests.map(async (request, index) => {
      // Workers know requests by their ids.
      const id = index === 0 ? facts.id : crypto.randomUUID();
      const items = await this.#engineCall(work.model, { ...facts, id, signal })(request);
      return pieces(items, { index, preprocessor, request, usage: usages[index] ?? new Usage(0) });
    });
    const streams = await allOrNone(calls, cancel);
    const [first] = streams;
    const single = streams.length === 1 && first ? first : mergeStreams(streams, cancel);
    const annotations = annotationsOf(requests, prompts);
    return new TokensAnswer({ pieces: single, form, usages, annotations, routing: facts.routing });
  }
}

/** One request of a client, prepared. */
interface Work {
  readonly model: Model;
  readonly preprocessor: Preprocessor;
  readonly prompts: readonly Prompt[];
  readonly asked: Asked;
  readonly body: unknown;
  readonly form: AnswerForm;
}

function requestOf(
  { model, preprocessor, asked, body }: Work,
  { ids }: Prompt,
  { hints: { pin } }: CallFacts,
): PreprocessedRequest {
  const maxTokens = answerLimit(ids.length, preprocessor.contextLength, asked);
  return preprocessedRequest({
    model: model.name,
    token_ids: ids,
    mdc_sum: preprocessor.mdcSum,
    // As Dynamo writes it, so that nobody on the way chooses another one.
    ...(pin !== undefined && { routing: { backend_instance_id: pin, decode_worker_id: pin } }),
    ...engineOptions(body, { ...asked, maxTokens }, preprocessor),
  });
}

/** Rejects with the first failure, after what has begun was cancelled and has ended. */
async function allOrNone<Value>(calls: readonly Promise<Value>[], cancel: () => void): Promise<Value[]> {
  try {
    return await Promise.all(calls);
  } catch (error) {
    cancel();
    await Promise.allSettled(calls);
    throw error;
  }
}

/** What of a prompt clients may ask to be told, by Dynamo's names and as text, as Dynamo writes it. */
function annotationsOf(
  [request]: readonly PreprocessedRequest[],
  [prompt]: readonly Prompt[],
): Readonly<Record<string, string>> {
  const known: [string, string | undefined][] = [
    ["token_ids", JSON.stringify(prompt?.ids)],
    ["formatted_prompt", prompt?.text],
  ];
  const asked = known.filter((entry): entry is [string, string] => {
    const [name, value] = entry;
    return value !== undefined && request?.annotations.includes(name) === true;
  });
  return Object.fromEntries(asked);
}

function promptsOf(prompt: CompletionRequest["prompt"]): readonly (string | readonly number[])[] {
  if (typeof prompt === "string") return [prompt];
  return isTokenList(prompt) ? [prompt] : prompt;
}

function isTokenList(prompt: readonly unknown[]): prompt is readonly number[] {
  return typeof prompt[0] === "number";
}

function templateArguments(body: unknown): Readonly<Record<string, unknown>> | undefined {
  const { chat_template_args: dynamo, chat_template_kwargs: vllm } = isFields(body) ? body : {};
  const [given] = [dynamo, vllm].filter(isFields);
  return given;
}

function headOf(prefix: string, { name }: Model, { id }: CallFacts): AnswerHead {
  return { id: `${prefix}-${id}`, created: Math.floor(Date.now() / 1000), model: name };
}
