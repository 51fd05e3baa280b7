/**
 * The models that workers offer at the moment. One watch of the model cards fills it; there is one client per
 * endpoint, made with the first card that names the endpoint and closed with the last.
 */
import { isModelRecord } from "@dynamo/discovery";
import type { ModelCard, ModelRecord } from "@dynamo/discovery";
import { formatEndpointName, formatInstanceId } from "@dynamo/request-plane-core";
import type {
  Discovery,
  DiscoveryEvent,
  EncodedPayload,
  InstanceId,
  Logger,
  NetworkManager,
} from "@dynamo/request-plane-core";
import { Model, modelTypes } from "./model.ts";
import type { ChatClient } from "./model.ts";

export interface ModelsOptions {
  readonly manager: NetworkManager;
  readonly discovery: Discovery;
  readonly logger: Logger;
  /** Planes this process speaks, as instance records name them. */
  readonly schemes: readonly string[];
  /** Only models of this namespace. Default: all. */
  readonly namespace?: string | undefined;
  /** Only the model of this name. Default: all. */
  readonly modelName?: string | undefined;
  /** Gets the models whenever their workers have changed. Must not throw. */
  readonly onChange?: ((models: ReadonlyMap<string, Model>) => void) | undefined;
}

/** How long to wait before watching again when discovery fails, in milliseconds. */
const WATCH_AGAIN_MS = 1_000;
/** How often to look whether the last requests of an endpoint without cards have ended, in milliseconds. */
const LINGER_MS = 1_000;

/** What cards call the ways to ask a model, by what its workers take. */
const SERVED: Readonly<Record<string, readonly string[]>> = {
  Text: ["Chat", "Completions", "Embedding"],
  Tokens: ["Chat", "Completions"],
};

export class Models {
  readonly #options: ModelsOptions;
  readonly #stop = new AbortController();
  readonly #cards = new Map<string, ModelRecord>();
  readonly #clients = new Map<string, ChatClient>();
  #models: ReadonlyMap<string, Model> = new Map();
  #following: Promise<void> | undefined;
  #lingering: NodeJS.Timeout | undefined;

  constructor(options: ModelsOptions) {
    this.#options = options;
  }

  /** Starts to follow discovery. Models appear as their cards are seen. */
  start(): void {
    this.#following ??= this.#follow();
  }

  /** The model of this name, ready or not; `undefined` when no worker has published a card of it. */
  get(name: string): Model | undefined {
    return this.#models.get(name);
  }

  /** Every model that a worker has published a card of. */
  all(): Iterable<Model> {
    return this.#models.values();
  }

  /** The models that can take a request now. */
  ready(): readonly Model[] {
    return [...this.#models.values()].filter((model) => model.isReady);
  }

  /** Requests under way, of all models. */
  get inFlight(): number {
    return [...this.#clients.values()].reduce((sum, client) => sum + client.inFlight, 0);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#following;
    this.#cards.clear();
    await this.#rebuild();
    clearTimeout(this.#lingering);
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#watchOnce(signal);
        return;
      } catch (error) {
        this.#options.logger.error({ err: error }, "Lost sight of the models; looking again");
        await pause(WATCH_AGAIN_MS, signal);
      }
    }
  }

  async #watchOnce(signal: AbortSignal): Promise<void> {
    const { discovery, namespace } = this.#options;
    const query = { type: "Model", ...(namespace !== undefined && { namespace }) } as const;
    this.#cards.clear();
    for await (const event of discovery.watch(query, signal)) {
      if (this.#apply(event)) await this.#rebuild();
    }
  }

  /** Notes what happened to a card. Whether it is a card of a model to be served. */
  #apply({ kind, record }: DiscoveryEvent): boolean {
    if (!isModelRecord(record)) return false;
    const key = `${formatEndpointName(record)}/${formatInstanceId(record.instance_id)}/${record.model_suffix ?? ""}`;
    if (kind === "removed" || !this.#isWanted(record)) return this.#cards.delete(key);
    this.#cards.set(key, record);
    return true;
  }

  #isWanted({ card_json: card, ...record }: ModelRecord): boolean {
    const { modelName, logger } = this.#options;
    if (modelName !== undefined && card.display_name !== modelName) return false;
    const served = SERVED[card.model_input];
    if (modelTypes(card).some((type) => served?.includes(type))) return true;
    logger.warn(
      {
        model: card.display_name,
        endpoint: formatEndpointName(record),
        type: card.model_type,
        input: card.model_input,
      },
      "Not served: the worker must take chats or completions as text or tokens, or embeddings as text (model_type Chat, Completions or Embedding, model_input Text or Tokens)",
    );
    return false;
  }

  /** Makes the models anew from the cards: simpler than keeping them up to date, and cards change seldom. */
  async #rebuild(): Promise<void> {
    const workers = new Map<string, Map<string, Map<InstanceId, ModelCard>>>();
    for (const { card_json: card, ...record } of this.#consistentCards()) {
      const endpoints = getOrAdd(
        workers,
        card.display_name,
        () => new Map<string, Map<InstanceId, ModelCard>>(),
      );
      const cards = getOrAdd(endpoints, formatEndpointName(record), () => new Map<InstanceId, ModelCard>());
      cards.set(record.instance_id, card);
    }
    this.#models = new Map([...workers].map(([name, endpoints]) => [name, this.#model(name, endpoints)]));
    this.#options.onChange?.(this.#models);
    await this.#closeUnused();
  }

  /** Workers of one model must take the same: one that takes text can't go on with what was made for tokens. */
  *#consistentCards(): Iterable<ModelRecord> {
    const inputs = new Map<string, string>();
    for (const record of this.#cards.values()) {
      const { display_name: model, model_input: input } = record.card_json;
      const expected = getOrAdd(inputs, model, () => input);
      if (input === expected) yield record;
      else {
        const endpoint = formatEndpointName(record);
        this.#options.logger.warn(
          { model, endpoint, input, expected },
          "Not served: the model's other workers take another input",
        );
      }
    }
  }

  #model(name: string, endpoints: ReadonlyMap<string, ReadonlyMap<InstanceId, ModelCard>>): Model {
    const created = this.#models.get(name)?.created ?? Math.floor(Date.now() / 1000);
    const members = [...endpoints].map(([endpoint, cards]) => ({
      client: this.#client(endpoint),
      workers: cards,
    }));
    return new Model({ name, created, endpoints: members }, this.#options.schemes);
  }

  #client(endpoint: string): ChatClient {
    const { manager } = this.#options;
    return getOrAdd(this.#clients, endpoint, () => manager.endpoint<EncodedPayload>(endpoint).client());
  }

  /** Requests under way keep their client, through which they hear that their worker is gone. */
  async #closeUnused(): Promise<void> {
    const used = new Set(
      [...this.#models.values()].flatMap(({ endpoints }) => endpoints.map(({ client }) => client)),
    );
    const unused = [...this.#clients].filter(([, client]) => !used.has(client));
    const idle = unused.filter(([, client]) => client.inFlight === 0);
    for (const [endpoint] of idle) this.#clients.delete(endpoint);
    clearTimeout(this.#lingering);
    if (idle.length < unused.length) this.#lingering = setTimeout(() => void this.#closeUnused(), LINGER_MS);
    await Promise.all(idle.map(([, client]) => client.close()));
  }
}

function getOrAdd<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
