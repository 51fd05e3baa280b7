/**
 * `GET /v1/models` and `GET /v1/models/{id}`, as in OpenAI's API and with the `context_window` of Dynamo 1.2 and later.
 *
 * Source: live-verified notes, section A4; interop notes, section C1.
 */
import type { FastifyInstance } from "fastify";
import { HttpError } from "../errors.ts";
import { contextLength } from "../model.ts";
import type { Model } from "../model.ts";
import type { Models } from "../models.ts";

/** @param isUsable whether the frontend can work for a model's workers. Models that aren't usable yet are not there. */
export function modelRoutes(app: FastifyInstance, models: Models, isUsable: (model: Model) => boolean): void {
  app.get("/v1/models", () => ({ object: "list", data: models.ready().filter(isUsable).map(describe) }));

  // A wildcard, because names of models hold slashes.
  app.get<{ Params: { "*": string } }>("/v1/models/*", ({ params }) => {
    const model = models.get(params["*"]);
    if (model?.isReady !== true || !isUsable(model)) throw modelNotFound(params["*"]);
    return describe(model);
  });
}

/** Dynamo writes a `context_window` of 0 when nobody told it; here it is left out then. */
function describe(model: Model): object {
  const { name, created } = model;
  const [card] = model.cards();
  const length = card ? contextLength(card) : 0;
  return {
    id: name,
    object: "model",
    created,
    owned_by: "nvidia",
    ...(length > 0 && { context_window: length }),
  };
}

export function modelNotFound(name: string): HttpError {
  return new HttpError(404, `Model not found: '${name}'`, { param: "model" });
}
