/**
 * Writes events to one client. What is sent in one tick leaves in one write, and a client that doesn't read
 * makes the sender wait.
 */
import type { ServerResponse } from "node:http";

/** Text that is written at once instead of being gathered further. */
const ENOUGH = 64 * 1024;

export class EventWriter {
  readonly #response: ServerResponse;
  #pending = "";
  #scheduled = false;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** Takes the text of one event. */
  send(event: string): void {
    this.#pending += event;
    if (this.#pending.length >= ENOUGH) this.#flush();
    else this.#schedule();
  }

  /** A promise when the client is behind: wait for it before sending more. */
  drained(): Promise<void> | undefined {
    return this.#response.writableNeedDrain ? this.#untilDrained() : undefined;
  }

  /** Sends what is left and ends the response. */
  end(event: string): void {
    this.#response.end(this.#pending + event);
    this.#pending = "";
  }

  /** `nextTick` runs when all items that have arrived are through the sender's loop. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#pending === "" || this.#response.writableEnded) return;
    this.#response.write(this.#pending);
    this.#pending = "";
  }

  /** Resolves when the client has read, and when it is gone. */
  #untilDrained(): Promise<void> {
    const response = this.#response;
    return new Promise((resolve) => {
      const done = (): void => {
        response.off("drain", done).off("close", done);
        resolve();
      };
      response.on("drain", done).on("close", done);
    });
  }
}
