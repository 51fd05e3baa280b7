import assert from "node:assert/strict";
import type { EndpointClient } from "@dynamo/request-plane-core";
import { single } from "../checks.ts";
import type { Account, ReferenceRequest } from "../reference/request.ts";
import { until } from "../waiting.ts";

type Reference = EndpointClient<ReferenceRequest>;

/** What the worker says has become of the request with this key. */
export async function accountOf(client: Reference, key: string): Promise<Account> {
  return (await single(client.roundRobin({ do: "account", key }))) as Account;
}

/** Polls the worker until the request with this key has come to such an end. */
export async function ends(client: Reference, key: string, state: Account["state"]): Promise<Account> {
  let account: Account | undefined;
  const holds = async (): Promise<boolean> => {
    account = await accountOf(client, key);
    return account.state === state;
  };
  await until(`the worker's account says ${state}`, holds).catch((cause: unknown) => {
    throw new Error(`${String(cause)}: it says ${account?.state ?? "nothing"}`, { cause });
  });
  assert.ok(account);
  return account;
}
