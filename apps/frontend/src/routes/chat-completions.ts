/**
 * `POST /v1/chat/completions`.
 */
import type { FastifyInstance } from "fastify";
import { CHAT_COMPLETION } from "../chat/aggregate.ts";
import { checkChatRequest } from "../chat/schema.ts";
import type { ChatRequest } from "../chat/schema.ts";
import type { RequestDependencies } from "./client-request.ts";
import { generationRoute } from "./generation.ts";
import type { Generation } from "./generation.ts";

const chatCompletions: Generation<ChatRequest> = {
  path: "/v1/chat/completions",
  endpoint: "chat_completions",
  modelType: "Chat",
  check: checkChatRequest,
  askForTokens: (tokens, model, request, { body, facts }) => tokens.chat(model, request, body, facts),
  whole: CHAT_COMPLETION,
};

export function chatCompletionsRoute(app: FastifyInstance, dependencies: RequestDependencies): void {
  generationRoute(app, chatCompletions, dependencies);
}
