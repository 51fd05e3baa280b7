/** What runs on a thread of the pool: keeps models, answers one question after the other. */
import { parentPort } from "node:worker_threads";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { chatTemplateOf } from "./chat-template.ts";
import type { ChatTemplate } from "./chat-template.ts";
import { messageOf } from "./errors.ts";
import type { PromptAnswer, PromptQuestion, PromptTask } from "./tokenizer-pool.ts";
import { Tokenizer } from "./tokenizer.ts";

interface Model {
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate | undefined;
}

const models = new Map<number, Model>();

function modelOf({ model: name, files }: PromptQuestion): Model {
  const known = models.get(name);
  if (known) return known;
  if (!files) throw new Error(`model ${name} is not known here`);
  const made = { tokenizer: new Tokenizer(files), template: chatTemplateOf(files) };
  models.set(name, made);
  return made;
}

function promptOf(
  { tokenizer, template }: Model,
  task: PromptTask,
): { text: string; ids: Uint32Array<ArrayBuffer> } {
  if ("text" in task)
    return { text: "", ids: Uint32Array.from(tokenizer.encode(task.text, task.addSpecialTokens)) };
  if (!template) throw new Error("the model has no chat template");
  const text = template.render(task.chat);
  return { text, ids: Uint32Array.from(tokenizer.encode(text, false)) };
}

function failureOf(error: unknown): PromptAnswer {
  const isRefusal = error instanceof RequestPlaneError && error.code === "invalid_argument";
  return isRefusal ? { refusal: error.message } : { error: messageOf(error) };
}

parentPort?.on("message", (question: PromptQuestion) => {
  if (question.forget !== undefined) models.delete(question.forget);
  try {
    const answer = promptOf(modelOf(question), question.task);
    parentPort?.postMessage(answer satisfies PromptAnswer, [answer.ids.buffer]);
  } catch (error) {
    parentPort?.postMessage(failureOf(error));
  }
});
