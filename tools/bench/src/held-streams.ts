/**
 * Answers that a client holds open.
 */
import { sampleOf } from "./load.ts";
import type { Sample } from "./load.ts";
import type { SubjectClient } from "./subject.ts";
import { requestFor } from "./workload.ts";

/** Calls under way while answers are opened. */
const CONCURRENCY = 32;

export class HeldStreams {
  readonly #client: SubjectClient;
  readonly #leave: (() => void)[] = [];

  constructor(client: SubjectClient) {
    this.#client = client;
  }

  /** Opens or leaves as many as it takes. The sample is of those that were opened; latencies are to the first item. */
  async becomes(streams: number): Promise<Sample> {
    if (!this.#client.open) throw new Error("This subject can't hold answers open");
    for (const leave of this.#leave.splice(streams)) leave();
    let missing = streams - this.#leave.length;
    const latencies: number[] = [];
    const start = performance.now();
    const opener = async (): Promise<void> => {
      while (missing-- > 0) {
        const called = performance.now();
        const leave = await this.#client.open?.({ ...requestFor({ items: 1, kind: "stream" }), hold: true });
        latencies.push(performance.now() - called);
        if (leave) this.#leave.push(leave);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, opener));
    return sampleOf(latencies, { items: 1, counted: "calls" }, (performance.now() - start) / 1000);
  }
}
