/**
 * What the reference endpoint understands. Any worker that answers these requests as described can be tested
 * from outside, in whatever language it is written.
 */
import type { ErrorCode } from "@dynamo/request-plane-core";

export type ReferenceRequest =
  /** One item: the value, as it came. */
  | { readonly do: "echo"; readonly value: unknown }
  /** One item: `{ length, sha256 }` of the text, in UTF-8 bytes and hexadecimal. */
  | { readonly do: "digest"; readonly text: string }
  /** One item: what the worker knows of the request besides its payload. See {@link Described}. */
  | { readonly do: "describe" }
  /** So many items `{ n, pad }`, `n` from 0, `pad` a text of so many letters `x`. */
  | { readonly do: "count"; readonly items: number; readonly pad?: number; readonly everyMs?: number }
  /** Two annotations around one item: event `note` with a comment, data `1` with id `one`, event `done`. */
  | { readonly do: "annotate" }
  /** So many items `{ n }`, then an error with this code; without a code, an error the worker has no word for. */
  | { readonly do: "fail"; readonly after?: number; readonly code?: ErrorCode; readonly message: string }
  /** Items `{ n, pad }` until the caller wants no more; after a stop one last item, `"last words"`. */
  | { readonly do: "endless"; readonly key: string; readonly everyMs?: number; readonly pad?: number }
  /** No item until the caller wants no more. */
  | { readonly do: "hold"; readonly key: string }
  /** One item: what became of the request with this key. See {@link Account}. */
  | { readonly do: "account"; readonly key: string };

export interface Described {
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Milliseconds until the caller gives up; null without a total bound. */
  readonly msLeft: number | null;
}

export interface Counted {
  readonly n: number;
  readonly pad: string;
}

export interface Account {
  /** `unknown`: never started. `stopped` and `killed`: over, because the caller said so. */
  readonly state: "unknown" | "running" | "stopped" | "killed";
  /** Items that were handed over for sending. */
  readonly items: number;
  /** Code of the reason that the request's signal gave; null when it gave none. */
  readonly reason: string | null;
}
