import { DeadlineQueue } from "./deadline-queue.ts";
import type { ResponseWriter } from "./response-plane.ts";
import { LONGEST_TIMER_MS } from "./timeouts.ts";

/** Responses that the endpoints of a process write: how many there are in-band, and how long their callers may take. */
export class WrittenResponses {
  /** Responses under way on the connections of their requests. Zero at rest. */
  inBand = 0;
  readonly #reading: DeadlineQueue<ResponseWriter>;

  /** `stallMs` is how long a caller may leave what is written unread; 0 is for ever. */
  constructor(stallMs: number) {
    this.#reading = new DeadlineQueue(stallMs || LONGEST_TIMER_MS, (writer) => {
      writer.controlled?.control("kill");
      writer.abort();
    });
  }

  /** Resolves when there is room again. A caller that makes none in time is given up. */
  async drained(writer: ResponseWriter): Promise<void> {
    const deadline = this.#reading.add(writer);
    try {
      await writer.drained();
    } finally {
      this.#reading.delete(deadline);
    }
  }

  close(): void {
    this.#reading.clear();
  }
}
