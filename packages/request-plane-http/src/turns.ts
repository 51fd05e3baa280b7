/**
 * Does what a burst brings a few at a time, in turns of the event loop: what the first of them write leaves before the
 * last of them are begun. Otherwise the other side has nothing to do until all are done, and both wait for each other
 * by turns.
 */
const PER_TURN = Number(process.env["HTTP_TURN"] ?? 16);

export class Turns<Task> {
  readonly #run: (task: Task) => void;
  /** In order. */
  #waiting: Task[] = [];
  #begun = 0;
  #isCounting = false;

  constructor(run: (task: Task) => void) {
    this.#run = run;
  }

  /** Runs it at once, or in one of the next turns where this one has had its share. */
  add(task: Task): void {
    if (!this.#isCounting) {
      this.#isCounting = true;
      setImmediate(this.#next);
    }
    if (this.#begun >= PER_TURN || this.#waiting.length > 0) {
      this.#waiting.push(task);
      return;
    }
    this.#begun += 1;
    this.#run(task);
  }

  readonly #next = (): void => {
    const tasks = this.#waiting.splice(0, PER_TURN);
    this.#begun = tasks.length;
    this.#isCounting = tasks.length > 0;
    if (this.#isCounting) setImmediate(this.#next);
    for (const task of tasks) this.#run(task);
  };
}
