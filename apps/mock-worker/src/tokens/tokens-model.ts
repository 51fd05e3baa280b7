import { Engine } from "../engine/engine.ts";
import { systemClock } from "../engine/clock.ts";
import type { EngineOptions } from "../engine/engine-options.ts";
import type { ServedModel } from "../worker.ts";
import { readModelFolder } from "./model-folder.ts";
import { tokenHandler } from "./token-handler.ts";
import type { TokenHandlerSettings } from "./token-handler.ts";
import { tokensCard } from "./tokens-card.ts";

export interface TokensModelSettings extends TokenHandlerSettings {
  readonly modelPath: string;
  readonly modelName: string;
  readonly dataParallelSize: number;
}

/** A model that takes tokens. Each worker has an engine of its own. Throws `invalid_configuration` for the folder. */
export async function tokensModel(
  settings: TokensModelSettings,
  engineOptions: EngineOptions,
): Promise<ServedModel> {
  const folder = await readModelFolder(settings.modelPath);
  const card = tokensCard(folder, engineOptions, { ...settings, kvEvents: false });
  const nobody = { kvChanges: () => undefined, load: () => undefined };
  return {
    card,
    handler() {
      const listeners = Array.from({ length: settings.dataParallelSize }, () => nobody);
      return tokenHandler(new Engine(engineOptions, systemClock, listeners), settings);
    },
  };
}
