/** What one endpoint counts, as NATS's services do. Times are of the acknowledgement, in which the handler only starts. */
export class EndpointStats {
  #requests = 0;
  #errors = 0;
  #lastError = "";
  #processingMs = 0;

  /** Counts a request that was taken up at `startedAt` of the performance clock, and refused when there is an error. */
  count(startedAt: number, error?: Error): void {
    this.#requests += 1;
    this.#processingMs += performance.now() - startedAt;
    if (!error) return;
    this.#errors += 1;
    this.#lastError = error.message;
  }

  /** Times in nanoseconds. Source: NATS's ADR-32, "STATS". */
  toJSON(): object {
    const nanoseconds = this.#processingMs * 1e6;
    return {
      num_requests: this.#requests,
      num_errors: this.#errors,
      last_error: this.#lastError,
      processing_time: Math.trunc(nanoseconds),
      average_processing_time: this.#requests === 0 ? 0 : Math.trunc(nanoseconds / this.#requests),
    };
  }
}
