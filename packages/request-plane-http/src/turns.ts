/**
 * Does what comes in one piece a few at a time, in turns of the event loop. What is written in a turn leaves at its end: of
 * a burst that was done in one turn the first would be answered with the last, and until then the other side would
 * have nothing to do.
 */

/** More of them in a turn keep the other side waiting, fewer cost more system calls. */
const PER_TURN = 16;

export class Turns<Task> {
  readonly #run: (task: Task) => void;
  /** In order. */
  readonly #waiting: Task[] = [];
  /** In this turn. */
  #begun = 0;
  /** The next turn is waited for. */
  #isScheduled = false;

  constructor(run: (task: Task) => void) {
    this.#run = run;
  }

  /** Runs it at once, or in one of the next turns when this one has had its share. */
  add(task: Task): void {
    this.#schedule();
    if (this.#begun >= PER_TURN || this.#waiting.length > 0) {
      this.#waiting.push(task);
      return;
    }
    this.#begun += 1;
    this.#run(task);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#next);
  }

  readonly #next = (): void => {
    this.#isScheduled = false;
    const tasks = this.#waiting.splice(0, PER_TURN);
    this.#begun = tasks.length;
    if (tasks.length > 0) this.#schedule();
    for (const task of tasks) this.#run(task);
  };
}
