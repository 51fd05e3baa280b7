/**
 * What a request says about its own routing, in headers and in `nvext`.
 *
 * Source: interop notes, sections C2 and D5; kv-verified notes, sections 1.5 and 2.3. Which settings of the KV router
 * one request may change: RouterConfigOverride of ai-dynamo/dynamo, there for callers in Python.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { RouteOverride } from "@dynamo/kv-router";
import type { InstanceId } from "@dynamo/request-plane-core";
import { z } from "zod";
import { HttpError } from "./errors.ts";
import type { JsonBody } from "./json-body.ts";
import { pinOf } from "./worker-pin.ts";

const RANK_HEADER = "x-dynamo-dp-rank";
const MAX_RANK = 2 ** 32 - 1;

export interface RoutingHints {
  readonly pin: InstanceId | undefined;
  readonly dpRank: number | undefined;
  readonly override: RouteOverride | undefined;
  /** Names of fields that the client wants to see in `nvext` of the response: `worker_id`, `timing`, `routing`. */
  readonly extraFields: ReadonlySet<string>;
  /** The client only asks where its request would go, and reads the answer as this release wrote it. */
  readonly query: "0.7" | "1.6" | undefined;
}

const weight = z.number().nonnegative().nullish();
const override = z.looseObject({
  overlap_score_credit: weight,
  prefill_load_scale: weight,
  // Its name in 0.7.
  overlap_score_weight: weight,
  router_temperature: weight,
});
const hints = z.object({
  nvext: z
    .looseObject({
      annotations: z.array(z.string()).nullish(),
      extra_fields: z.array(z.string()).nullish(),
      router_config_override: override.nullish(),
    })
    .nullish(),
});

/** Throws an {@link HttpError} of status 400 that names what can't be used. */
export function routingHints(headers: IncomingHttpHeaders, body: JsonBody): RoutingHints {
  const parsed = hints.safeParse(body.value);
  if (!parsed.success) throw refusal(parsed.error.issues[0]);
  const { nvext } = parsed.data;
  return {
    pin: pinOf(headers, body),
    dpRank: rankOf(headers),
    override: nvext?.router_config_override ? overrideOf(nvext.router_config_override) : undefined,
    extraFields: new Set(nvext?.extra_fields),
    query: queryOf(nvext?.annotations ?? []),
  };
}

function rankOf(headers: IncomingHttpHeaders): number | undefined {
  const text = headers[RANK_HEADER];
  if (text === undefined) return undefined;
  const rank = Number(text);
  if (/^\d+$/.test(String(text)) && rank <= MAX_RANK) return rank;
  const message = `Validation: ${RANK_HEADER} must be a rank, 0 or more, got '${String(text)}'`;
  throw new HttpError(400, message, { param: RANK_HEADER });
}

/** Only what is given: the rest stays as the router has it. */
function overrideOf(given: z.infer<typeof override>): RouteOverride {
  const overlapScoreCredit = given.overlap_score_credit ?? undefined;
  const prefillLoadScale = given.prefill_load_scale ?? given.overlap_score_weight ?? undefined;
  const temperature = given.router_temperature ?? undefined;
  return {
    ...(overlapScoreCredit !== undefined && { overlapScoreCredit }),
    ...(prefillLoadScale !== undefined && { prefillLoadScale }),
    ...(temperature !== undefined && { temperature }),
  };
}

function queryOf(annotations: readonly string[]): RoutingHints["query"] {
  if (annotations.some((name) => name.startsWith("query_instance_id:"))) return "1.6";
  return annotations.includes("query_instance_id") ? "0.7" : undefined;
}

function refusal(issue: z.core.$ZodIssue | undefined): HttpError {
  const param = issue?.path.join(".") ?? "nvext";
  return new HttpError(400, `Validation: ${param}: ${issue?.message ?? "can't be read"}`, { param });
}
