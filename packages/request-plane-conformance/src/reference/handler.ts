import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { AnnotatedItem, RequestPlaneError } from "@dynamo/request-plane-core";
import type { Handler, RequestContext } from "@dynamo/request-plane-core";
import { aborted } from "../waiting.ts";
import type { Account, Described, ReferenceRequest } from "./request.ts";

/** Requests with a key that are remembered; the oldest are forgotten. */
const MAX_ACCOUNTS = 10_000;

type Accounts = Map<string, Account>;
type Items = AsyncIterable<unknown> | Iterable<unknown>;

/** The kit's reference endpoint: serve it, and its cases can be run against your process from outside. */
export function referenceHandler(): Handler<ReferenceRequest, unknown> {
  const accounts: Accounts = new Map();
  return (request, context): Items => {
    switch (request.do) {
      case "echo":
        return [request.value];
      case "digest":
        return [{ length: Buffer.byteLength(request.text), sha256: sha256(request.text) }];
      case "describe":
        return [describe(context)];
      case "count":
        return count(request, context.signal);
      case "annotate":
        return annotate();
      case "fail":
        return fail(request);
      case "endless":
        return endless(request, context, accounts);
      case "hold":
        return hold(request.key, context, accounts);
      case "account":
        return [accounts.get(request.key) ?? { state: "unknown", items: 0, reason: null }];
      default:
        throw new RequestPlaneError("invalid_argument", "The reference endpoint doesn't know this request");
    }
  };
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function describe({ id, headers, metadata, deadline }: RequestContext): Described {
  return { id, headers, metadata, msLeft: deadline === undefined ? null : deadline - Date.now() };
}

type Request<Do> = Extract<ReferenceRequest, { do: Do }>;

async function* count({ items, pad = 0, everyMs }: Request<"count">, signal: AbortSignal): AsyncGenerator {
  for (let n = 0; n < items && !signal.aborted; n += 1) {
    if (everyMs !== undefined && n > 0) await sleep(everyMs);
    yield { n, pad: "x".repeat(pad) };
  }
}

function* annotate(): Generator {
  yield new AnnotatedItem({ event: "note", comment: ['"before"'] });
  yield new AnnotatedItem({ data: 1, id: "one" });
  yield new AnnotatedItem({ event: "done", comment: [] });
}

function* fail({ after = 0, code, message }: Request<"fail">): Generator {
  for (let n = 0; n < after; n += 1) yield { n };
  throw code === undefined ? new Error(message) : new RequestPlaneError(code, message);
}

async function* endless(
  { key, everyMs = 0, pad = 0 }: Request<"endless">,
  context: RequestContext,
  accounts: Accounts,
): AsyncGenerator {
  const account = new Entry(key, accounts);
  try {
    for (let n = 0; !context.signal.aborted; n += 1) {
      yield { n, pad: "x".repeat(pad) };
      account.items = n + 1;
      // Other requests have their turn too, even when nobody makes this one wait.
      await sleep(everyMs);
    }
    if (!context.isKilled) yield "last words";
  } finally {
    account.close(context);
  }
}

async function* hold(key: string, context: RequestContext, accounts: Accounts): AsyncGenerator {
  const account = new Entry(key, accounts);
  await aborted(context.signal);
  account.close(context);
  // A generator that yields nothing is what is wanted here.
  yield* [];
}

/** The line of one request in the accounts. */
class Entry {
  readonly #key: string;
  readonly #accounts: Accounts;

  constructor(key: string, accounts: Accounts) {
    this.#key = key;
    this.#accounts = accounts;
    const [oldest] = accounts.keys();
    if (oldest !== undefined && accounts.size >= MAX_ACCOUNTS) accounts.delete(oldest);
    this.#set({ state: "running", items: 0, reason: null });
  }

  set items(items: number) {
    this.#set({ state: "running", items, reason: null });
  }

  close({ isKilled, signal }: RequestContext): void {
    const items = this.#accounts.get(this.#key)?.items ?? 0;
    const { code } = RequestPlaneError.from(signal.reason);
    this.#set({ state: isKilled ? "killed" : "stopped", items, reason: code });
  }

  #set(account: Account): void {
    this.#accounts.set(this.#key, account);
  }
}
