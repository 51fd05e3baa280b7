/**
 * The options of the worker. A worker is of one of two kinds: without `--model-path` it takes chats and answers with
 * text, with one it takes tokens and answers as an engine. Options of the other kind are a mistake.
 */
import { Command } from "commander";
import type { EngineOptions } from "./engine/engine-options.ts";
import { COMMON_SETTINGS } from "./common-settings.ts";
import { nameOf, parseSettings, USAGE_ERROR } from "./settings.ts";
import type { Settings, ValuesOf } from "./settings.ts";
import { TEXT_SETTINGS } from "./text/text-settings.ts";
import { TOKENS_SETTINGS } from "./tokens/tokens-settings.ts";

type CommonOptions = ValuesOf<typeof COMMON_SETTINGS>;
export type TextOptions = CommonOptions & ValuesOf<typeof TEXT_SETTINGS> & { readonly kind: "text" };
export type TokensOptions = CommonOptions &
  Omit<ValuesOf<typeof TOKENS_SETTINGS>, "modelPath"> & {
    readonly kind: "tokens";
    readonly modelPath: string;
  };
export type WorkerOptions = TextOptions | TokensOptions;

const SETTINGS = { ...COMMON_SETTINGS, ...TEXT_SETTINGS, ...TOKENS_SETTINGS };

/** Prints and ends the process after `--help` (exit code 0) and after a mistake (exit code 2). */
export function parseOptions(args: readonly string[]): {
  readonly options: WorkerOptions;
  readonly warnings: readonly string[];
} {
  const command = new Command("dynamo-mock-worker")
    .description(
      "Serves a model that isn't there. Without --model-path it answers chats with scripted text; with one it is " +
        "an engine that takes and gives tokens, with a KV cache in blocks.",
    )
    .helpOption("-h, --help", "show this");
  const { values, sources, warnings } = parseSettings(command, SETTINGS, args);
  const { modelPath, ...others } = values;

  const refuse = (settings: Settings, why: string): void => {
    const wrong = Object.entries(settings).find(
      ([key]) => sources[key as keyof typeof SETTINGS] === "command line",
    );
    if (wrong) fail(command, `${nameOf(wrong[1].flag)} ${why}`);
  };
  if (modelPath === undefined) {
    refuse(TOKENS_SETTINGS, "is for workers that take tokens: give a --model-path too, or leave it out");
    return { options: { ...others, kind: "text" }, warnings };
  }
  refuse(TEXT_SETTINGS, "is for workers that take chats: leave out --model-path, or this");
  if (values.endpoint.length > 1)
    fail(command, "--endpoint names several, but an engine serves one endpoint");
  const modelName = sources.modelName === "default" ? modelPath : values.modelName;
  return { options: { ...others, modelPath, modelName, kind: "tokens" }, warnings };
}

/** What of the options makes the engine. */
export function engineOptions({ numGpuBlocksOverride, ...options }: TokensOptions): EngineOptions {
  return { ...options, numGpuBlocks: numGpuBlocksOverride };
}

function fail(command: Command, message: string): never {
  return command.error(`error: ${message}`, { exitCode: USAGE_ERROR });
}
