/** The form in which a route answers: OpenAI's chunks, and OpenAI's whole answers. */
import type { Fields } from "../chat/chunk.ts";
import type { TokenLogprob } from "./logprobs.ts";
import type { Finish, Piece } from "./pieces.ts";

/** All pieces of one choice together. */
export interface WholeChoice {
  readonly index: number;
  readonly text: string;
  readonly logprobs: readonly TokenLogprob[] | null;
  readonly finish: Finish | null;
  readonly stopReason?: string | number | undefined;
}

export interface AnswerForm {
  /** The chunk of a piece, as JSON text. */
  chunk(piece: Piece): string;
  /** The chunk that comes last, when the client asked for it. */
  usageChunk(usage: Fields): string;
  whole(choices: readonly WholeChoice[], usage: Fields): Fields;
}

/** What stands in each chunk of an answer. */
export interface AnswerHead {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly model: string;
}
