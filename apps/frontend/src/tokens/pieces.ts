/**
 * The answer of an engine as pieces of text: what clients are told of it, in no particular form.
 */
import type { Detokenizer, Preprocessor, Stopped } from "@dynamo/preprocessor";
import type { EngineOutput, FinishReason, PreprocessedRequest } from "@dynamo/preprocessor/protocol";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { EngineItems } from "./engine-call.ts";
import { logprobsOf } from "./logprobs.ts";
import type { TokenLogprob } from "./logprobs.ts";
import type { Usage } from "./usage.ts";

/** OpenAI's words for why an answer is over. */
export type Finish = "stop" | "length" | "content_filter";

export interface Piece {
  /** Of the choice. */
  readonly index: number;
  /** Empty while a character or a stop text may be under way. */
  readonly text: string;
  /** How many tokens came with it. */
  readonly tokens: number;
  /** One for each token that is shown, when the client asked for them and the engine gives them. */
  readonly logprobs: readonly TokenLogprob[] | null;
  /** Set in the last piece of the choice. */
  readonly finish: Finish | null;
  /** The stop text or stop token that ended the answer. */
  readonly stopReason?: string | number;
}

export interface PiecesOptions {
  readonly index: number;
  readonly preprocessor: Preprocessor;
  readonly request: PreprocessedRequest;
  /** Counts along. */
  readonly usage: Usage;
}

/**
 * The pieces of one choice. Throws what the items throw, and `handler_failed` when the engine says that it failed. When
 * the answer ends here and the worker would go on, its request is cancelled.
 */
export async function* pieces(
  items: EngineItems,
  options: PiecesOptions,
): AsyncGenerator<readonly Piece[], void, undefined> {
  const choice = new Choice(options);
  for await (const batch of items) {
    const made = choice.take(batch);
    if (made.length > 0) yield made;
    if (choice.wantsNoMore) return;
  }
  const last = choice.end();
  if (last) yield [last];
}

class Choice {
  readonly #options: PiecesOptions;
  readonly #detokenizer: Detokenizer;
  readonly #wantsLogprobs: boolean;
  #isOver = false;
  #engineIsDone = false;

  constructor(options: PiecesOptions) {
    const { preprocessor, request } = options;
    this.#options = options;
    this.#detokenizer = preprocessor.detokenizer(request);
    this.#wantsLogprobs = typeof request.output_options.logprobs === "number";
  }

  /** The answer is over and the engine doesn't know. When it does, only the mark of a whole response is left to read. */
  get wantsNoMore(): boolean {
    return this.#isOver && !this.#engineIsDone;
  }

  take(items: readonly EngineOutput[]): Piece[] {
    const made: Piece[] = [];
    for (const item of items) {
      this.#options.usage.note(item.completion_usage);
      const piece = this.#isOver ? undefined : this.#pieceOf(item);
      if (isSet(item.finish_reason)) this.#engineIsDone = true;
      if (piece) made.push(piece);
    }
    return made;
  }

  /** The last piece, when the worker never said that there is one. */
  end(): Piece | undefined {
    if (this.#isOver) return undefined;
    const { index } = this.#options;
    return { index, text: this.#detokenizer.end(), tokens: 0, logprobs: null, finish: "stop" };
  }

  /** `undefined` for an item that says nothing. */
  #pieceOf(item: EngineOutput): Piece | undefined {
    const { index, preprocessor, usage } = this.#options;
    const before = this.#detokenizer.generated;
    const { text, shown } = this.#detokenizer.push(item.token_ids);
    const tokens = this.#detokenizer.generated - before;
    usage.completionTokens += tokens;
    const end = endOf(item, this.#detokenizer.stopped);
    this.#isOver = end !== undefined;
    const whole = text + ownText(item) + (end ? this.#detokenizer.end() : "");
    if (tokens === 0 && !end && whole === "") return undefined;
    const logprobs = this.#wantsLogprobs ? logprobsOf(item, shown, preprocessor) : null;
    return { index, text: whole, tokens, logprobs, ...(end ?? UNFINISHED) };
  }
}

/** Of an engine that writes text instead of tokens. */
function ownText({ token_ids: ids, text }: EngineOutput): string {
  return ids.length === 0 ? (text ?? "") : "";
}

function isSet<Value>(value: Value | null | undefined): value is Value {
  return value !== null && value !== undefined;
}

type End = Pick<Piece, "finish" | "stopReason">;

const UNFINISHED = { finish: null } as const;

/** Why the answer is over with this item; `undefined` when it goes on. */
function endOf(item: EngineOutput, stopped: Stopped | undefined): End | undefined {
  const { finish_reason: reason, stop_reason: stopReason } = item;
  if (stopped) return { finish: stopped.reason, ...(stopped.by !== undefined && { stopReason: stopped.by }) };
  if (!isSet(reason)) return undefined;
  return { finish: finishOf(reason), ...(isSet(stopReason) && { stopReason }) };
}

/** As Dynamo maps them. */
function finishOf(reason: FinishReason): Finish {
  if (typeof reason === "object") {
    throw new RequestPlaneError("handler_failed", `The engine failed: ${reason.error}`, { remote: true });
  }
  return reason === "length" || reason === "content_filter" ? reason : "stop";
}
