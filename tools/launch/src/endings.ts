/**
 * The reasons to end that come from outside.
 */

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Under npm one Ctrl-C arrives twice: from the terminal, and passed on by npm. */
const ECHO_MS = 500;
const LOOK_MS = 500;

/**
 * Resolves on the first signal, when nobody reads our output any more, or when the process that started this one
 * is gone: npm may die without a word.
 */
export function askedToEnd(onSecondSignal: () => void): Promise<void> {
  return new Promise((resolve) => {
    let first: number | undefined;
    const onSignal = (): void => {
      first ??= performance.now();
      if (performance.now() - first > ECHO_MS) onSecondSignal();
      resolve();
    };
    for (const signal of SIGNALS) process.on(signal, onSignal);
    process.stdout.on("error", () => resolve());

    const parent = process.ppid;
    const timer = setInterval(() => {
      if (process.ppid !== parent) resolve();
    }, LOOK_MS);
    timer.unref();
  });
}
