import type { EventPlane } from "@dynamo/event-plane";
import { systemClock } from "../engine/clock.ts";
import { Engine } from "../engine/engine.ts";
import type { EngineOptions } from "../engine/engine-options.ts";
import type { ModelWorker, ServedModel } from "../worker.ts";
import { EngineEvents } from "./engine-events.ts";
import { readModelFolder } from "./model-folder.ts";
import { tokenHandler } from "./token-handler.ts";
import type { TokenHandlerSettings } from "./token-handler.ts";
import { tokensCard } from "./tokens-card.ts";

export interface TokensModelSettings extends TokenHandlerSettings {
  readonly modelPath: string;
  readonly modelName: string;
  readonly dataParallelSize: number;
  readonly kvEvents: boolean;
}

/**
 * A model that takes tokens. Each worker has an engine of its own, and all tell about theirs over the event plane, which
 * is closed with the model. Throws `invalid_configuration` for the folder.
 */
export async function tokensModel(
  settings: TokensModelSettings,
  engine: EngineOptions,
  eventPlane: EventPlane,
): Promise<ServedModel> {
  const folder = await readModelFolder(settings.modelPath);
  // Without shared blocks there is nothing that a router could go by.
  const kvEvents = settings.kvEvents && engine.enablePrefixCaching;
  return {
    card: tokensCard(folder, engine, { ...settings, kvEvents }),
    worker: () => tokensWorker({ ...settings, kvEvents }, engine, eventPlane),
    close: () => eventPlane.close(),
  };
}

function tokensWorker(
  settings: TokensModelSettings,
  options: EngineOptions,
  eventPlane: EventPlane,
): ModelWorker {
  const events = new EngineEvents(options, settings.kvEvents);
  const ranks = Array.from({ length: settings.dataParallelSize }, (_, dpRank) => dpRank);
  const engine = new Engine(
    options,
    systemClock,
    ranks.map((dpRank) => events.listener(dpRank)),
  );
  const onFirstToken = events.prefillCompleted.bind(events);
  return {
    handler: tokenHandler(engine, { ...settings, onFirstToken }),
    async start(instance) {
      events.tell(await eventPlane.worker(instance, { dpRanks: settings.kvEvents ? ranks : [] }));
    },
  };
}
