/**
 * What one request adds to the metrics. Its end is that of its HTTP response, whatever happens before, so nothing that
 * it counts can stay behind.
 */
import type { ServerResponse } from "node:http";
import { errorTypeOf } from "./failure-labels.ts";
import type { ModelTally } from "./model-tally.ts";
import type { Series } from "./series.ts";

/** Dynamo's names for what was asked for. */
export type EndpointLabel = "chat_completions" | "completions" | "embeddings" | "responses";

export interface RequestLabels {
  /** A model that is there, or `unknown_model`: names that clients make up would be a series each. */
  readonly model: string;
  readonly endpoint: EndpointLabel;
  readonly request_type: "stream" | "unary";
}

export class RequestMetrics {
  readonly #series: Series;
  readonly #tally: ModelTally;
  readonly #labels: RequestLabels;
  readonly #startedAt = performance.now();
  #isQueued = true;
  #lastTokenAt = 0;
  #outputTokens = 0;
  /** The status of a failure that the HTTP status, sent long before, doesn't show. */
  #lateStatus: number | undefined;

  constructor(series: Series, tally: ModelTally, labels: RequestLabels, response: ServerResponse) {
    this.#series = series;
    this.#tally = tally;
    this.#labels = labels;
    tally.active += 1;
    tally.queued += 1;
    series.requestsStarted.inc({ ...labels });
    response.once("close", () => this.#end(response));
    if (response.destroyed) this.#end(response);
  }

  /** The first item of the answer is here. */
  firstToken(): void {
    if (!this.#isQueued) return;
    this.#leaveQueue();
    this.#lastTokenAt = performance.now();
    const seconds = (this.#lastTokenAt - this.#startedAt) / 1000;
    this.#series.timeToFirstToken.observe({ model: this.#labels.model }, seconds);
  }

  /** An item with so many tokens is here. The first one ends the wait for the first token. */
  tokens(count: number): void {
    if (count === 0) return;
    this.#tally.outputTokens += count;
    this.#outputTokens += count;
    if (this.#isQueued) this.firstToken();
    else this.#observeLatency(count);
  }

  /** How long the prompt is, and how much of it a worker had computed before, when it says so. */
  input(tokens: number, cachedTokens?: number): void {
    const { model } = this.#labels;
    this.#series.inputTokens.observe({ model }, tokens);
    if (cachedTokens !== undefined) this.#series.cachedTokens.observe({ model }, cachedTokens);
  }

  /** The response failed after its HTTP status had been sent. */
  failedLate(status: number): void {
    this.#lateStatus = status;
  }

  /** Each token of an item took its share of the time. */
  #observeLatency(count: number): void {
    const now = performance.now();
    const seconds = (now - this.#lastTokenAt) / 1000 / count;
    this.#lastTokenAt = now;
    const { model } = this.#labels;
    for (let token = 0; token < count; token += 1) this.#series.interTokenLatency.observe({ model }, seconds);
  }

  #leaveQueue(): void {
    if (this.#isQueued) this.#tally.queued -= 1;
    this.#isQueued = false;
  }

  #end(response: ServerResponse): void {
    this.#leaveQueue();
    this.#tally.active -= 1;
    const hasLeft = !response.writableFinished;
    const errorType = hasLeft ? "cancelled" : errorTypeOf(this.#lateStatus ?? response.statusCode);
    const status = errorType === "" ? "success" : "error";
    this.#series.requests.inc({ ...this.#labels, status, error_type: errorType });
    if (hasLeft) this.#countLeaving();
    if (errorType === "overload") this.#countRejection();
    this.#observeWhole(errorType === "");
  }

  #countLeaving(): void {
    this.#series.disconnectedClients.inc();
    this.#series.cancellations.inc({ ...this.#labels });
  }

  #countRejection(): void {
    const { model, endpoint } = this.#labels;
    this.#series.rejections.inc({ model, endpoint });
  }

  #observeWhole(isWhole: boolean): void {
    const { model, endpoint } = this.#labels;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    this.#series.requestDuration.observe({ model }, seconds);
    if (this.#outputTokens > 0) this.#series.outputSequence.observe({ model }, this.#outputTokens);
    if (isWhole && endpoint === "embeddings") this.#series.embeddingLatency.observe({ model }, seconds);
  }
}
