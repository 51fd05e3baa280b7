/**
 * `POST /v1/completions`.
 */
import type { FastifyInstance } from "fastify";
import { TEXT_COMPLETION } from "../chat/aggregate.ts";
import { checkCompletionRequest } from "../completions/schema.ts";
import type { CompletionRequest } from "../completions/schema.ts";
import type { RequestDependencies } from "./client-request.ts";
import { generationRoute } from "./generation.ts";
import type { Generation } from "./generation.ts";

const completions: Generation<CompletionRequest> = {
  path: "/v1/completions",
  endpoint: "completions",
  modelType: "Completions",
  check: checkCompletionRequest,
  askForTokens: (tokens, model, request, { body, facts }) => tokens.complete(model, request, body, facts),
  whole: TEXT_COMPLETION,
};

export function completionsRoute(app: FastifyInstance, dependencies: RequestDependencies): void {
  generationRoute(app, completions, dependencies);
}
