import assert from "node:assert/strict";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { EndpointClient, ErrorCode, ResponseStream } from "@dynamo/request-plane-core";
import type { Account, ReferenceRequest } from "@dynamo/request-plane-conformance";
import { ourCaller } from "../roles/our-caller.ts";
import { theirWorker } from "../roles/their-worker.ts";
import type { Site } from "../site.ts";
import { untilFound } from "../waiting.ts";

/** What the Python worker takes: the kit's requests, and two more. */
export type Request =
  | ReferenceRequest
  /** One item: how the value looks in Python. */
  | { readonly do: "repr"; readonly value: unknown }
  /** Like the kit's, with the name of the exception that is raised. */
  | { readonly do: "fail"; readonly after?: number; readonly exception: string; readonly message: string };

/** A client for the worker that cells share. */
export async function clientOfTheirs<Item>(site: Site): Promise<EndpointClient<Request, Item>> {
  const { endpoint } = await site.use(theirWorker);
  return clientFor<Item>(site, endpoint);
}

export async function clientFor<Item>(site: Site, endpoint: string): Promise<EndpointClient<Request, Item>> {
  return (await site.use(ourCaller)).client<Request, Item>(endpoint);
}

export async function collect<T>(call: Promise<ResponseStream<T>>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of await call) items.push(item);
  return items;
}

export interface Failure<T> {
  readonly items: readonly T[];
  readonly error: RequestPlaneError;
}

/** The items before the error, and the error, which must have one of these codes. */
export async function failure<T>(
  call: Promise<ResponseStream<T>>,
  ...codes: readonly ErrorCode[]
): Promise<Failure<T>> {
  const items: T[] = [];
  try {
    for await (const item of await call) items.push(item);
  } catch (error) {
    assert.ok(RequestPlaneError.is(error), String(error));
    assert.ok(
      codes.includes(error.code),
      `expected ${codes.join(" or ")}, not ${error.code}: ${error.message}`,
    );
    return { items, error };
  }
  throw new Error(`expected ${codes.join(" or ")}, but the response ended well after ${items.length} items`);
}

/** Waits until the worker's handler says that the request with this key is over, and returns how. */
export async function endedAccount(client: EndpointClient<Request>, key: string): Promise<Account> {
  return untilFound(`the worker has ended request ${key}`, async () => {
    const account = await accountOf(client, key);
    return account.state === "killed" || account.state === "stopped" ? account : undefined;
  });
}

/** What the worker's handler says of the request with this key. */
export async function accountOf(client: EndpointClient<Request>, key: string): Promise<Account> {
  const [account] = (await collect(client.roundRobin({ do: "account", key }))) as Account[];
  assert.ok(account);
  return account;
}
