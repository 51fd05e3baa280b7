/**
 * A request of the Responses API as the chat request that workers understand.
 *
 * Source: what Dynamo 1.6.1 sends to a text worker, observed: always a stream with usage, `instructions` as a system
 * message, `max_output_tokens` as `max_completion_tokens`.
 */
import type { Fields } from "../chat/chunk.ts";
import type { InputItem, ResponsesRequest } from "./schema.ts";

export function chatOf(request: ResponsesRequest): Fields {
  const { model, temperature, top_p, max_output_tokens, parallel_tool_calls, user, nvext } = request;
  return withoutEmpty({
    model,
    messages: messagesOf(request),
    stream: true,
    stream_options: { include_usage: true },
    temperature,
    top_p,
    max_completion_tokens: max_output_tokens,
    tools: request.tools?.map(toolOf),
    tool_choice: toolChoiceOf(request.tool_choice),
    parallel_tool_calls,
    response_format: formatOf(request.text?.format),
    user,
    nvext,
  });
}

function messagesOf({ instructions, input }: ResponsesRequest): Fields[] {
  const system = typeof instructions === "string" ? [{ role: "system", content: instructions }] : [];
  const items = typeof input === "string" ? [{ role: "user", content: input }] : input.map(messageOf);
  return [...system, ...joinCalls(items)];
}

function messageOf(item: InputItem): Fields {
  switch (item.type) {
    case "function_call": {
      const call = {
        id: item.call_id,
        type: "function",
        function: { name: item.name, arguments: item.arguments },
      };
      return { role: "assistant", content: null, tool_calls: [call] };
    }
    case "function_call_output":
      return { role: "tool", tool_call_id: item.call_id, content: item.output };
    default:
      // What OpenAI calls developer, chat templates call system.
      return { role: item.role === "developer" ? "system" : item.role, content: contentOf(item.content) };
  }
}

type Content = Extract<InputItem, { content: unknown }>["content"];

/** Texts alone are one text, which every chat template takes. */
function contentOf(content: Content): unknown {
  if (typeof content === "string") return content;
  const parts = content.map((part) =>
    "text" in part
      ? { type: "text", text: part.text }
      : { type: "image_url", image_url: withoutEmpty({ url: part.image_url, detail: part["detail"] }) },
  );
  return parts.every((part) => "text" in part) ? parts.map((part) => part.text).join("") : parts;
}

/** Calls that were made together are one message. */
function joinCalls(messages: readonly Fields[]): Fields[] {
  const joined: Fields[] = [];
  for (const message of messages) {
    const before = joined.at(-1);
    if (Array.isArray(message["tool_calls"]) && Array.isArray(before?.["tool_calls"])) {
      const calls = [...(before["tool_calls"] as unknown[]), ...(message["tool_calls"] as unknown[])];
      joined[joined.length - 1] = { ...before, tool_calls: calls };
    } else joined.push(message);
  }
  return joined;
}

function toolOf({ type, ...definition }: Fields): Fields {
  return { type, function: definition };
}

function toolChoiceOf(choice: ResponsesRequest["tool_choice"]): unknown {
  if (typeof choice !== "object" || choice === null) return choice;
  return choice.type === "function" ? { type: "function", function: { name: choice["name"] } } : choice;
}

type Format = NonNullable<ResponsesRequest["text"]>["format"];

function formatOf(format: Format): Fields | undefined {
  if (!format || format.type === "text") return undefined;
  if (format.type !== "json_schema") return format;
  const { type, ...schema } = format;
  return { type, json_schema: schema };
}

function withoutEmpty(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  );
}
