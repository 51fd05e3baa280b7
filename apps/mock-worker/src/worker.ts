/**
 * Serves the model: every worker has an instance id of its own and answers at every endpoint, all behind the
 * manager's one listener.
 */
import { modelRecord } from "@dynamo/discovery";
import type { ModelCard } from "@dynamo/discovery";
import { formatEndpointName, formatInstanceId, randomInstanceId } from "@dynamo/request-plane-core";
import type {
  Discovery,
  EndpointName,
  Handler,
  InstanceId,
  Logger,
  NetworkManager,
  Registration,
  ServedEndpoint,
} from "@dynamo/request-plane-core";

export interface WorkerSettings {
  readonly endpoint: readonly EndpointName[];
  readonly numWorkers: number;
}

/** What is served. */
export interface ServedModel {
  readonly card: ModelCard;
  /** Of one worker. */
  readonly handler: (instanceId: InstanceId) => Handler<unknown, unknown>;
}

export interface WorkerParts {
  readonly manager: NetworkManager;
  readonly discovery: Discovery;
  readonly logger: Logger;
}

/** Resolves with the model's registrations when every worker can be found and called. */
export async function serveModel(
  { endpoint, numWorkers }: WorkerSettings,
  { card, handler }: ServedModel,
  { manager, discovery, logger }: WorkerParts,
): Promise<Registration[]> {
  const models: Registration[] = [];
  for (let worker = 0; worker < numWorkers; worker++) {
    const instanceId = randomInstanceId();
    const answer = handler(instanceId);
    for (const name of endpoint) {
      const served = await manager.endpoint(name).serve(answer, { instanceId });
      models.push(await discovery.register(modelRecord(served.instance, card)));
      logServing(served, card.display_name, logger);
    }
  }
  return models;
}

function logServing({ instance }: ServedEndpoint, model: string, logger: Logger): void {
  const facts = {
    model,
    endpoint: formatEndpointName(instance),
    instance: formatInstanceId(instance.instance_id),
    address: Object.values(instance.transport)[0],
  };
  logger.info(facts, `serving ${model} at ${facts.endpoint}`);
}
