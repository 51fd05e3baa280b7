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
  Instance,
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
  readonly worker: () => ModelWorker;
  /** Ends what all workers have in common, after they have ended. */
  readonly close?: () => Promise<void>;
}

export interface ModelWorker {
  readonly handler: Handler<unknown, unknown>;
  /** Resolves when others are told what the worker has to tell. Its requests may come before. */
  readonly start?: (instance: Instance) => Promise<void>;
}

export interface WorkerParts {
  readonly manager: NetworkManager;
  readonly discovery: Discovery;
  readonly logger: Logger;
}

/** Resolves with the model's registrations when every worker can be found and called. */
export async function serveModel(
  { endpoint, numWorkers }: WorkerSettings,
  model: ServedModel,
  { manager, discovery, logger }: WorkerParts,
): Promise<Registration[]> {
  const models: Registration[] = [];
  for (let worker = 0; worker < numWorkers; worker++) {
    const instanceId = randomInstanceId();
    const { handler, start } = model.worker();
    for (const name of endpoint) {
      const served = await manager.endpoint(name).serve(handler, { instanceId });
      await start?.(served.instance);
      models.push(await discovery.register(modelRecord(served.instance, model.card)));
      logServing(served, model.card.display_name, logger);
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
