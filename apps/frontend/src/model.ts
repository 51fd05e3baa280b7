/**
 * One model as requests see it: a name, and the endpoints and workers behind it.
 */
import type { ModelCard } from "@dynamo/discovery";
import type { EncodedPayload, EndpointClient, Instance, InstanceId } from "@dynamo/request-plane-core";

export type ChatClient = EndpointClient<EncodedPayload>;

/** One endpoint of a model. */
export interface ModelEndpoint {
  readonly client: ChatClient;
  /** The workers of the endpoint that published a card of this model, with their cards. */
  readonly workers: ReadonlyMap<InstanceId, ModelCard>;
}

export class Model {
  readonly name: string;
  /** When this frontend saw it first, in seconds since the epoch. */
  readonly created: number;
  readonly endpoints: readonly ModelEndpoint[];
  readonly #schemes: readonly string[];
  readonly #serving = new Map<string, Model | undefined>();

  constructor(facts: Pick<Model, "name" | "created" | "endpoints">, schemes: readonly string[]) {
    this.name = facts.name;
    this.created = facts.created;
    this.endpoints = facts.endpoints;
    this.#schemes = schemes;
  }

  /** The cards of all its workers. Replicas say the same, as far as their releases write the same. */
  *cards(): Iterable<ModelCard> {
    for (const { workers } of this.endpoints) yield* workers.values();
  }

  /** The model with those of its workers alone whose cards name this type, such as `Chat`; `undefined` without any. */
  serving(type: string): Model | undefined {
    if (!this.#serving.has(type)) this.#serving.set(type, this.#narrowed(type));
    return this.#serving.get(type);
  }

  /** Whether at least one worker can take a request. */
  get isReady(): boolean {
    return this.endpoints.some((endpoint) => this.routable(endpoint).length > 0);
  }

  /** The workers that serve the model and are on a plane that this process speaks. */
  routable({ client, workers }: ModelEndpoint): readonly Instance[] {
    return client
      .instances()
      .filter((instance) => workers.has(instance.instance_id) && this.#reaches(instance));
  }

  /** Whether all the endpoint's workers serve this model, so that any of them may be picked. */
  owns({ client, workers }: ModelEndpoint): boolean {
    return client.instances().every(({ instance_id: id }) => workers.has(id));
  }

  #narrowed(type: string): Model | undefined {
    const isOfType = (card: ModelCard): boolean => modelTypes(card).includes(type);
    if ([...this.cards()].every(isOfType)) return this;
    const endpoints = this.endpoints
      .map(({ client, workers }) => ({
        client,
        workers: new Map([...workers].filter(([, card]) => isOfType(card))),
      }))
      .filter(({ workers }) => workers.size > 0);
    const { name, created } = this;
    return endpoints.length === 0 ? undefined : new Model({ name, created, endpoints }, this.#schemes);
  }

  #reaches({ transport }: Instance): boolean {
    return this.#schemes.includes(Object.keys(transport)[0] ?? "");
  }
}

/** The types that a card names. */
export function modelTypes({ model_type: types }: ModelCard): readonly string[] {
  return types.split("|").map((type) => type.trim());
}

/**
 * In tokens, 0 when the card doesn't say it. Later releases leave 0 where the field was and write it into the runtime
 * configuration.
 */
export function contextLength({ context_length: length, runtime_config: config }: ModelCard): number {
  return length === undefined || length === 0 ? (config?.context_length ?? 0) : length;
}
