/** The messages between a frontend and the engines behind it, for those who send them and for those who answer. */
export { parsePreprocessedRequest } from "./parse-request.ts";
export { preprocessedRequest, withDecision } from "./preprocessed-request.ts";
export type {
  OutputOptions,
  PreprocessedRequest,
  RouterConfigOverride,
  RoutingDecision,
  RoutingHints,
  SamplingOptions,
  StopConditions,
} from "./preprocessed-request.ts";
export { parseEngineOutput } from "./engine-output.ts";
export type { CompletionUsage, EngineOutput, FinishReason, TopLogprob } from "./engine-output.ts";
