import type { RequestPlaneError } from "../errors.ts";
import { StreamTable } from "../stream-table.ts";
import type { StreamOutput, StreamWriter, WriterCarrier } from "./stream-writer.ts";

/** One whose frames leave at the end of the tick. */
export interface ScheduledOutput extends StreamOutput {
  /** There is something to write, though no frame yet. */
  schedule(): void;
}

/** The worker's end of a connection that many responses share: its streams that are not over. */
export abstract class StreamWriters implements WriterCarrier {
  abstract readonly output: ScheduledOutput;
  abstract readonly isCongested: boolean;
  readonly streams = new StreamTable<StreamWriter>();
  /** Those that have not said that they are accepted. */
  #opening: StreamWriter[] = [];
  /** Those that are to be asked again when there is room. */
  readonly #waiting = new Set<StreamWriter>();

  opening(stream: StreamWriter): void {
    this.#opening.push(stream);
    this.output.schedule();
  }

  waiting(stream: StreamWriter): void {
    this.#waiting.add(stream);
  }

  forget(stream: StreamWriter): void {
    this.streams.delete(stream);
    this.#waiting.delete(stream);
  }

  /** To be called before each write. */
  protected open(): void {
    if (this.#opening.length === 0) return;
    const opening = this.#opening;
    this.#opening = [];
    for (const stream of opening) stream.open();
  }

  /** There may be room again. */
  wake(): void {
    for (const stream of this.#waiting) if (stream.wakeIfRoom()) this.#waiting.delete(stream);
  }

  /** The caller is gone. */
  protected loseAll(error: RequestPlaneError): void {
    for (const stream of this.streams.all()) stream.lose(error);
  }
}
