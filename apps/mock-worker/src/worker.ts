/**
 * Serves the model: every worker has an instance id of its own and answers at every endpoint, all behind the
 * manager's one listener.
 */
import { modelRecord, textChatCard } from "@dynamo/discovery";
import { formatEndpointName, formatInstanceId, randomInstanceId } from "@dynamo/request-plane-core";
import type {
  Discovery,
  EndpointName,
  Logger,
  NetworkManager,
  Registration,
  ServedEndpoint,
} from "@dynamo/request-plane-core";
import { chatHandler } from "./handler.ts";
import type { HandlerSettings } from "./handler.ts";

export interface WorkerSettings extends HandlerSettings {
  readonly endpoint: readonly EndpointName[];
  readonly numWorkers: number;
}

export interface WorkerParts {
  readonly manager: NetworkManager;
  readonly discovery: Discovery;
  readonly logger: Logger;
}

/** Resolves with the model's registrations when every worker can be found and called. */
export async function serveModel(settings: WorkerSettings, parts: WorkerParts): Promise<Registration[]> {
  const handler = chatHandler(settings);
  const card = textChatCard(settings.modelName);
  const models: Registration[] = [];
  for (let worker = 0; worker < settings.numWorkers; worker++) {
    const instanceId = randomInstanceId();
    for (const name of settings.endpoint) {
      const served = await parts.manager.endpoint(name).serve(handler, { instanceId });
      models.push(await parts.discovery.register(modelRecord(served.instance, card)));
      logServing(served, settings.modelName, parts.logger);
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
