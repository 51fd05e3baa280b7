import type { Logger } from "@dynamo/request-plane-core";

export interface RecordingLogger {
  readonly logger: Logger;
  /** What was said in warnings and errors. */
  readonly warnings: string[];
  /** What was said with them, in the same order. */
  readonly facts: object[];
}

export function recordingLogger(): RecordingLogger {
  const warnings: string[] = [];
  const facts: object[] = [];
  const nothing = (): void => undefined;
  const warn = (about: object, message: string): void => {
    warnings.push(message);
    facts.push(about);
  };
  return { logger: { debug: nothing, info: nothing, warn, error: warn }, warnings, facts };
}
