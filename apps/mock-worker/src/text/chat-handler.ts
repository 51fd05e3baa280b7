/**
 * The handler of the endpoint: reads the request, composes the answer and sends it at its pace.
 */
import type { EncodedItem, Handler, RequestContext } from "@dynamo/request-plane-core";
import { readChatRequest } from "./chat-request.ts";
import { Answer, chunkHead } from "./chunks.ts";
import { strike } from "../faults.ts";
import type { Fault } from "../faults.ts";
import { dueTimes, isInstant, waitUntil } from "./pace.ts";
import type { Pace } from "./pace.ts";
import { seededRandom } from "../random.ts";
import { replyTokens } from "./replies.ts";
import type { ReplySettings } from "./replies.ts";

export interface HandlerSettings extends ReplySettings, Pace {
  readonly modelName: string;
  readonly seed: number;
  /** For requests that don't bring their own. */
  readonly fault: Fault | undefined;
}

export function chatHandler(settings: HandlerSettings): Handler<unknown, EncodedItem> {
  return (body, context) => {
    const request = readChatRequest(body);
    const random = seededRandom(settings.seed, request.prompt);
    const needed = (request.maxTokens ?? Infinity) + 1;
    const tokens = replyTokens(settings, request.question, random, needed);
    const answer = new Answer(chunkHead(context.id, settings.modelName), request, tokens);
    const fault = request.fault ?? settings.fault;
    // Without anything to wait for, no promise per token is needed.
    if (!fault && isInstant(settings)) return atOnce(answer, context);
    return paced(answer, dueTimes(settings, random), fault, context);
  };
}

function* atOnce(answer: Answer, context: RequestContext): Iterable<EncodedItem> {
  for (const position of answer.tokens.keys()) {
    if (context.isStopped) return;
    yield* answer.token(position);
  }
  yield* answer.closing();
}

async function* paced(
  answer: Answer,
  dueTimes: Iterator<number, never>,
  fault: Fault | undefined,
  { signal }: RequestContext,
): AsyncIterable<EncodedItem> {
  const start = performance.now();
  for (const position of answer.tokens.keys()) {
    if (fault?.after === position) await strike(fault, signal);
    await waitUntil(start + dueTimes.next().value, signal);
    if (signal.aborted) return;
    yield* answer.token(position);
  }
  if (fault?.after === answer.tokens.length) await strike(fault, signal);
  if (!signal.aborted) yield* answer.closing();
}
