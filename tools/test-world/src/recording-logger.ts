import type { Logger } from "@dynamo/request-plane-core";

export function recordingLogger(): { logger: Logger; warnings: string[] } {
  const warnings: string[] = [];
  const nothing = (): void => undefined;
  const warn = (_facts: object, message: string): void => void warnings.push(message);
  return { logger: { debug: nothing, info: nothing, warn, error: warn }, warnings };
}
