import { constants } from "node:http2";
import type { IncomingHttpHeaders, IncomingHttpStatusHeader } from "node:http2";
import type { RequestPlaneError } from "@dynamo/request-plane-core";
import { MAX_PROBLEM_BYTES, refusalOf } from "./problem.ts";

const { NGHTTP2_FLAG_END_STREAM } = constants;

export type AnswerHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader;

/**
 * An acknowledgement or a refusal, as far as it is here. node:http2 reports many a cut stream as a clean end, so only
 * its length shows that it is whole.
 */
export class Reply {
  readonly status: number;
  /** As the worker says. */
  readonly #declared: number | undefined;
  #length = 0;
  #chunks: Buffer[] | undefined;

  constructor(headers: AnswerHeaders, flags: number) {
    const { ":status": status = 0, "content-length": declared } = headers;
    this.status = status;
    if ((flags & NGHTTP2_FLAG_END_STREAM) !== 0) this.#declared = 0;
    else if (declared !== undefined) this.#declared = Number(declared);
  }

  get isRefusal(): boolean {
    return this.status >= 300;
  }

  /** A refusal is one however much of its text is here; more than so much isn't read. */
  get isWhole(): boolean {
    return this.#length === this.#declared || (this.isRefusal && this.#length >= MAX_PROBLEM_BYTES);
  }

  push(chunk: Buffer): void {
    this.#length += chunk.length;
    if (this.isRefusal) (this.#chunks ??= []).push(chunk);
  }

  refusal(address: string): RequestPlaneError {
    const text = this.#chunks ? Buffer.concat(this.#chunks).toString() : "";
    return refusalOf(this.status, text).with({ address });
  }
}
