/**
 * The items of a worker as one answer: mostly there is one, which is the answer. Of several, the embeddings are put
 * together and the usage is added up, as Dynamo does it.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ResponseBudget } from "../chat/aggregate.ts";
import { isFields } from "../chat/chunk.ts";
import type { Fields } from "../chat/chunk.ts";

/** Rejects with what the items throw, and with `protocol_error` when they are no embeddings. */
export async function aggregateEmbeddings(
  items: AsyncIterable<unknown>,
  budget: ResponseBudget,
): Promise<Fields> {
  let whole: Embeddings | undefined;
  for await (const item of items) {
    budget.spend(item);
    const part = asEmbeddings(item);
    whole = whole ? joined(whole, part) : part;
  }
  if (whole) return whole;
  throw new RequestPlaneError("protocol_error", "The worker's response holds no embeddings");
}

interface Embeddings extends Fields {
  readonly data: readonly unknown[];
}

function asEmbeddings(value: unknown): Embeddings {
  if (isFields(value) && Array.isArray(value["data"])) return value as Embeddings;
  throw new RequestPlaneError("protocol_error", "The worker sent an item that is not a list of embeddings");
}

function joined(whole: Embeddings, part: Embeddings): Embeddings {
  return {
    ...whole,
    data: [...whole.data, ...part.data],
    usage: addedUp(whole["usage"], part["usage"]),
  };
}

function addedUp(usage: unknown, more: unknown): unknown {
  if (!isFields(usage) || !isFields(more)) return usage ?? more;
  const sums = Object.entries(usage).map(([key, value]) => [key, Number(value) + Number(more[key] ?? 0)]);
  return Object.fromEntries(sums);
}
