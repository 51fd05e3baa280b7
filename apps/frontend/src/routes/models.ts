/**
 * `GET /v1/models` and `GET /v1/models/{id}`, as in OpenAI's API.
 */
import type { FastifyInstance } from "fastify";
import { HttpError } from "../errors.ts";
import type { Model } from "../model.ts";
import type { Models } from "../models.ts";

export function modelRoutes(app: FastifyInstance, models: Models): void {
  app.get("/v1/models", () => ({ object: "list", data: models.ready().map(describe) }));

  // A wildcard, because names of models hold slashes.
  app.get<{ Params: { "*": string } }>("/v1/models/*", ({ params }) => {
    const model = models.get(params["*"]);
    if (model?.isReady !== true) throw modelNotFound(params["*"]);
    return describe(model);
  });
}

function describe({ name, created }: Model): object {
  return { id: name, object: "model", created, owned_by: "nvidia" };
}

export function modelNotFound(name: string): HttpError {
  return new HttpError(404, `Model not found: '${name}'`, { param: "model" });
}
