/**
 * The envelope around every streamed item: data, or an event, or an error.
 *
 * Source: wire-protocol notes, section 10.1; lib/runtime/src/protocols/annotated.rs of ai-dynamo/dynamo.
 */
import { toDynamoError } from "./dynamo-error.ts";
import type { DynamoError, ErrorDialect } from "./dynamo-error.ts";
import { fromComment, fromDynamoError } from "./from-dynamo-error.ts";
import type { RequestPlaneError } from "./errors.ts";

/** Every field is left out when it has no value. `event: "error"` marks an error. */
export interface Annotated<T> {
  readonly data?: T;
  readonly id?: string;
  /** `error`, or the name of an annotation whose JSON text is in `comment`. */
  readonly event?: string;
  readonly comment?: readonly string[];
  /** From 1.0 on; before, the text is in `comment`. */
  readonly error?: DynamoError;
}

/**
 * An item as JSON text: that of its data, or of an item with more than data its envelope, in which the data is JSON
 * text.
 */
export type JsonItem = string | Annotated<string>;

export function isErrorItem(item: Annotated<unknown>): boolean {
  return item.event === "error";
}

/** An item with an envelope of its own. A handler yields one to send an annotation, an id or a comment. */
export class AnnotatedItem<T = never> {
  readonly envelope: Annotated<T>;

  constructor(envelope: Annotated<T>) {
    this.envelope = envelope;
  }
}

/** The error that an error item carries: `error` from 1.0 on, else the text in `comment`. */
export function errorOfItem(item: Annotated<unknown>): RequestPlaneError {
  // As it came from the peer: any field may be null or of another shape.
  const { error, comment } = item as { readonly error?: DynamoError | null; readonly comment?: unknown };
  if (typeof error === "object" && error !== null) return fromDynamoError(error);
  const texts = Array.isArray(comment) ? comment.filter((text) => typeof text === "string") : [];
  return fromComment(texts.join(", "));
}

/**
 * An error as an item that readers of every release understand: `comment` for 0.7 and 0.8, `error` for later
 * ones. Line breaks would end the line of the server-sent event in which 0.7 passes the comment on.
 */
export function errorItem(error: RequestPlaneError, dialect: ErrorDialect): Annotated<never> {
  return {
    event: "error",
    comment: [error.message.replaceAll(/[\r\n]+/g, " ")],
    error: toDynamoError(error, dialect),
  };
}
