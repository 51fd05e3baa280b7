/**
 * `GET` and `POST /busy_threshold`: from when on the workers of a model are too busy, while the frontend runs.
 *
 * Source: live-verified notes, table of HTTP statuses; lib/llm/src/http/service/busy_threshold.rs of ai-dynamo/dynamo
 * at 050d71fb. Its errors are `{"error": text}`, unlike those of the other routes.
 */
import type { BusyThresholds } from "@dynamo/kv-router";
import type { FastifyInstance, FastifyReply } from "fastify";
import { z } from "zod";
import type { JsonBody } from "../json-body.ts";
import type { KvRouting } from "../kv/kv-routing.ts";

const update = z.object({
  model: z.string(),
  active_decode_blocks_threshold: z.number().nullish(),
  active_prefill_tokens_threshold: z.number().int().nullish(),
  active_prefill_tokens_threshold_frac: z.number().nullish(),
});

/** @param kv absent unless the router's mode is `kv` or busy thresholds were set at the start */
export function busyThresholdRoute(app: FastifyInstance, kv: KvRouting | undefined): void {
  app.get("/busy_threshold", () => ({
    thresholds: [...(kv?.thresholds() ?? [])].map(([model, thresholds]) => describe(model, thresholds)),
  }));

  app.post("/busy_threshold", (request, reply) => {
    const body = request.body as JsonBody | undefined;
    if (!body) return refuse(reply, 415, "Expected request with Content-Type application/json");
    const parsed = update.safeParse(body.value);
    if (!parsed.success) return refuse(reply, 422, faultOf(parsed.error));
    const { model, ...given } = parsed.data;
    const changes = thresholdsOf(given);
    if (Object.keys(changes).length === 0) return describe(model, kv?.thresholdsOf(model) ?? {});
    const wrong = faultIn(changes);
    if (wrong !== undefined) return refuse(reply, 400, wrong);
    if (!kv)
      return refuse(reply, 400, "Busy thresholds need --router-mode kv, or one at the start of the frontend");
    if (!kv.of(model)) {
      const message = `Model '${model}' not found. Thresholds can only be set for models that are routed by KV cache.`;
      return refuse(reply, 404, message);
    }
    return describe(model, kv.changeThresholds(model, changes));
  });
}

function thresholdsOf(given: Omit<z.infer<typeof update>, "model">): BusyThresholds {
  const activeDecodeBlocks = given.active_decode_blocks_threshold ?? undefined;
  const activePrefillTokens = given.active_prefill_tokens_threshold ?? undefined;
  const activePrefillTokensFrac = given.active_prefill_tokens_threshold_frac ?? undefined;
  return {
    ...(activeDecodeBlocks !== undefined && { activeDecodeBlocks }),
    ...(activePrefillTokens !== undefined && { activePrefillTokens }),
    ...(activePrefillTokensFrac !== undefined && { activePrefillTokensFrac }),
  };
}

function describe(model: string, thresholds: BusyThresholds): object {
  return {
    model,
    active_decode_blocks_threshold: thresholds.activeDecodeBlocks ?? null,
    active_prefill_tokens_threshold: thresholds.activePrefillTokens ?? null,
    active_prefill_tokens_threshold_frac: thresholds.activePrefillTokensFrac ?? null,
  };
}

function faultIn({
  activeDecodeBlocks = 0,
  activePrefillTokens = 0,
  activePrefillTokensFrac = 0,
}: BusyThresholds) {
  if (!(activeDecodeBlocks >= 0 && activeDecodeBlocks <= 1))
    return "active_decode_blocks_threshold must be from 0 to 1";
  if (activePrefillTokens < 0) return "active_prefill_tokens_threshold must be 0 or more";
  if (activePrefillTokensFrac < 0) return "active_prefill_tokens_threshold_frac must be 0 or more";
  return undefined;
}

function faultOf({ issues: [issue] }: z.ZodError): string {
  return `Failed to read the request: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "wrong"}`;
}

function refuse(reply: FastifyReply, status: number, error: string): FastifyReply {
  return reply.code(status).send({ error });
}
