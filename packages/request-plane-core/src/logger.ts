/**
 * Where the library reports what nobody awaits. The shape is pino's, so a pino logger fits as it is.
 */
export interface Logger {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** Says nothing but warnings and errors, and those through Node's own `process.emitWarning`. */
export const defaultLogger: Logger = {
  debug() {
    /* Silent by default. */
  },
  info() {
    /* Silent by default. */
  },
  warn: emit,
  error: emit,
};

function emit(facts: object, message: string): void {
  process.emitWarning(message, { type: "DynamoWarning", detail: JSON.stringify(facts) });
}
