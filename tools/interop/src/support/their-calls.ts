import assert from "node:assert/strict";
import type { ErrorCode } from "@dynamo/request-plane-core";
import type { ReferenceRequest } from "@dynamo/request-plane-conformance";
import { ourCaller } from "../roles/our-caller.ts";
import { ourWorker } from "../roles/our-worker.ts";
import { theirCaller } from "../roles/their-caller.ts";
import type { TheirCall, TheirView } from "../roles/their-caller.ts";
import type { Site } from "../site.ts";

type Options = Partial<Omit<TheirCall, "request">> & { readonly timeoutMs?: number };

/** Their caller asks our worker, the one that cells share unless `endpoint` names another. */
export async function theyAsk(
  site: Site,
  request: ReferenceRequest,
  { endpoint, timeoutMs, ...options }: Options = {},
): Promise<TheirView> {
  const asked = endpoint ?? (await site.use(ourWorker)).endpoint;
  return (await site.use(theirCaller)).call({ endpoint: asked, request, ...options }, timeoutMs);
}

/** What they got from a response that must end well. */
export async function theyCollect(
  site: Site,
  request: ReferenceRequest,
  options: Options = {},
): Promise<readonly unknown[]> {
  const { items, error } = await theyAsk(site, request, options);
  assert.equal(error, null);
  return items;
}

/** Puts a record of an instance into discovery that isn't there: another path, or another port. */
export async function advertise(
  site: Site,
  component: string,
  change: (address: string) => string,
): Promise<string> {
  const worker = await site.use(ourWorker);
  const caller = await site.use(ourCaller);
  const record = await caller.recordOf(worker.endpoint);
  const [[scheme, address = ""] = [""]] = Object.entries<string | undefined>(record.transport);
  await caller.discovery.register({ ...record, component, transport: { [scheme]: change(address) } });
  return `${record.namespace}.${component}.${record.endpoint}`;
}

/** The word in front of the message with which a release shows an error of ours. Up to 0.8 there is none. */
export function theirWordFor(site: Site, code: ErrorCode): string {
  if (!site.isSince("1.0")) return "";
  const { newest, middle, oldest } = WORDS[code] ?? { newest: "Internal", middle: "Unknown" };
  return `${site.isSince("1.6") ? newest : site.isSince("1.2") ? middle : (oldest ?? middle)}: `;
}

interface Words {
  /** Of 1.6: a class. */
  readonly newest: string;
  /** Of 1.2 to 1.5: a type. */
  readonly middle: string;
  /** Of 1.0, which knows fewer types. Default: as of 1.2. */
  readonly oldest?: string;
}

const WORDS: Readonly<Partial<Record<ErrorCode, Words>>> = {
  handler_failed: { newest: "Internal", middle: "BackendUnknown", oldest: "Unknown" },
  invalid_argument: { newest: "InvalidRequest", middle: "InvalidArgument" },
  payload_too_large: { newest: "PayloadTooLarge", middle: "InvalidArgument" },
  not_found: { newest: "NotFound", middle: "Unknown" },
  rate_limited: { newest: "RateLimited", middle: "ResourceExhausted", oldest: "Unknown" },
  overloaded: { newest: "CapacityExhausted", middle: "ResourceExhausted", oldest: "Unknown" },
  cancelled: { newest: "Cancelled", middle: "Cancelled", oldest: "Unknown" },
  disconnected: { newest: "Unavailable", middle: "Disconnected" },
};
