/**
 * Signals that ask the process to end.
 */

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Under npm one Ctrl-C arrives twice: from the terminal, and passed on by npm. */
const ECHO_MS = 500;

/**
 * Resolves on the first SIGTERM or SIGINT. A second one ends the process at once, with the exit code that
 * a shell gives to a process killed by this signal.
 */
export function shutdownRequested(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first: number | undefined;
    const onSignal = (signal: NodeJS.Signals, number: number): void => {
      first ??= performance.now();
      if (performance.now() - first > ECHO_MS) process.exit(128 + number);
      resolve(signal);
    };
    for (const signal of SIGNALS) process.on(signal, onSignal);
  });
}
