/**
 * Chats as prompts, by the template that comes with the model.
 *
 * Source: lib/llm/src/preprocessor/prompt/template of ai-dynamo/dynamo (what templates are given).
 */
import { Template } from "@huggingface/jinja";
import { badModel, badRequest, messageOf } from "./errors.ts";
import { specialTokens } from "./model-facts.ts";
import { isFields } from "./protocol/fields.ts";
import type { Fields } from "./protocol/fields.ts";

/** A chat as clients of OpenAI's API send it. */
export interface Chat {
  readonly messages: readonly Fields[];
  readonly tools?: readonly Fields[] | null | undefined;
  /** Further values for the template. They win over all others. */
  readonly templateArguments?: Fields | null | undefined;
}

export class ChatTemplate {
  readonly #default: Template;
  readonly #withTools: Template;
  readonly #specialTokens: Fields;

  /** Throws `invalid_configuration` for a template that can't be read. */
  constructor(source: TemplateSource, specialTokens: Fields) {
    this.#default = compile(source.default);
    this.#withTools = source.toolUse === undefined ? this.#default : compile(source.toolUse);
    this.#specialTokens = specialTokens;
  }

  /** Throws `invalid_argument` when the template refuses the chat, with what it says. */
  render({ messages, tools, templateArguments }: Chat): string {
    const hasTools = tools !== undefined && tools !== null && tools.length > 0;
    const template = hasTools ? this.#withTools : this.#default;
    const values = {
      ...this.#specialTokens,
      messages: messages.map(withPlainContent),
      ...(hasTools && { tools }),
      // The last word is the model's, unless the client has begun its answer.
      add_generation_prompt: messages.at(-1)?.["role"] !== "assistant",
      ...templateArguments,
    };
    try {
      return template.render(values);
    } catch (cause) {
      throw badRequest(`The model's chat template refuses the messages: ${messageOf(cause)}`, cause);
    }
  }
}

/** What a model's files say about its chats. */
export interface TemplateFiles {
  readonly tokenizerConfig: Fields;
  /** The chat template, when it has a file of its own. */
  readonly chatTemplate?: string | undefined;
}

/** `undefined` for a model without a template. Throws `invalid_configuration` for one that can't be read. */
export function chatTemplateOf({ chatTemplate, tokenizerConfig }: TemplateFiles): ChatTemplate | undefined {
  const source = chatTemplate === undefined ? templateSource(tokenizerConfig) : { default: chatTemplate };
  return source && new ChatTemplate(source, specialTokens(tokenizerConfig));
}

export interface TemplateSource {
  readonly default: string;
  /** For chats with tools, where the model has a template of its own for them. */
  readonly toolUse?: string | undefined;
}

/** The template in a `tokenizer_config.json`: a text, or a list of texts with names. `undefined` when it has none. */
export function templateSource(tokenizerConfig: Fields): TemplateSource | undefined {
  const given = tokenizerConfig["chat_template"];
  if (typeof given === "string") return { default: given };
  if (!Array.isArray(given)) return undefined;
  const byName = new Map(given.filter(isFields).map(({ name, template }) => [name, template]));
  const [main, toolUse] = [byName.get("default"), byName.get("tool_use")];
  if (typeof main !== "string") return undefined;
  return { default: main, ...(typeof toolUse === "string" && { toolUse }) };
}

/** Most templates expect text. Content that is a list of texts becomes one text, with line breaks between. */
function withPlainContent(message: Fields): Fields {
  const { content } = message;
  if (!Array.isArray(content)) return message;
  const texts = content.map((part: unknown) =>
    isFields(part) && part["type"] === "text" ? part["text"] : undefined,
  );
  if (texts.every((text) => typeof text === "string")) return { ...message, content: texts.join("\n") };
  throw badRequest("The model takes text only: content has a part whose type is not 'text'");
}

function compile(source: string): Template {
  try {
    return new Template(source);
  } catch (cause) {
    throw badModel(`The chat template can't be read: ${messageOf(cause)}`, cause);
  }
}
