/**
 * Which failures move a request to another worker: those that say that a worker can't be reached any more, never what a
 * worker says of the request.
 *
 * Source: kv-verified notes, sections 1.6 and 2.4; lib/llm/src/migration.rs of ai-dynamo/dynamo.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { PreprocessedRequest } from "@dynamo/preprocessor/protocol";

export function isMigratable(error: unknown): error is RequestPlaneError {
  if (!RequestPlaneError.is(error)) return false;
  const { code, facts, remote } = error;
  if (code === "cannot_connect" || code === "disconnected") return true;
  // A worker that went silent, which this side noticed. The time for the whole request is over wherever it goes.
  return code === "deadline_exceeded" && !remote && facts.phase !== undefined && facts.phase !== "total";
}

/**
 * Whether another worker could go on with the request: an engine begins a grammar anew, keeps several choices apart by
 * state that doesn't travel, and a request that names its worker wants no other.
 */
export function canMove({ sampling_options: sampling, ...request }: PreprocessedRequest): boolean {
  const pin = request.routing?.backend_instance_id ?? request.backend_instance_id ?? undefined;
  const hasGrammar = sampling.guided_decoding !== undefined && sampling.guided_decoding !== null;
  return !hasGrammar && (sampling.n ?? 1) <= 1 && pin === undefined;
}
