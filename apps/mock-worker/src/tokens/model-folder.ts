/**
 * The folder of a model, as far as frontends need it: its files with their checksums, which go into the model's card.
 * Source: kv-verified notes, section 1.1; interop notes, section B3.
 */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { parseJson, RequestPlaneError } from "@dynamo/request-plane-core";
import type { CardFile } from "@dynamo/discovery";

export interface ModelFolder {
  /** Absolute: frontends open the files where the card says. */
  readonly path: string;
  readonly config: CardFile;
  readonly tokenizer: CardFile;
  readonly tokenizerConfig: CardFile;
  readonly generationConfig: CardFile | undefined;
  /** In tokens, as the model was built; 0 when its configuration doesn't say. */
  readonly maxPositions: number;
}

/** Throws `invalid_configuration` when a file is missing or can't be read. */
export async function readModelFolder(folder: string): Promise<ModelFolder> {
  const path = resolve(folder);
  const [config, tokenizer, tokenizerConfig, generationConfig] = await Promise.all([
    read(path, "config.json"),
    read(path, "tokenizer.json"),
    read(path, "tokenizer_config.json"),
    read(path, "generation_config.json").catch(ignoreMissing),
  ]);
  return {
    path,
    config: config.file,
    tokenizer: tokenizer.file,
    tokenizerConfig: tokenizerConfig.file,
    generationConfig: generationConfig?.file,
    maxPositions: maxPositions(config),
  };
}

interface Contents {
  readonly file: CardFile;
  readonly bytes: Buffer;
}

async function read(folder: string, name: string): Promise<Contents> {
  const path = join(folder, name);
  try {
    const bytes = await readFile(path);
    const checksum = `blake3:${bytesToHex(blake3(bytes))}`;
    return { bytes, file: { path, checksum, size: bytes.length } };
  } catch (error) {
    throw unusable(`The model has no ${name} that can be read`, error);
  }
}

function ignoreMissing(error: unknown): undefined {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } };
  if (cause?.code !== "ENOENT") throw error;
}

function maxPositions({ bytes, file: { path } }: Contents): number {
  let config: unknown;
  try {
    config = parseJson(bytes.toString());
  } catch (error) {
    throw unusable(`${path} is no JSON`, error);
  }
  const { max_position_embeddings: positions } = Object(config) as Record<string, unknown>;
  return typeof positions === "number" ? positions : 0;
}

function unusable(what: string, cause: unknown): RequestPlaneError {
  const reason = cause instanceof Error ? `: ${cause.message}` : "";
  const message = `${what}${reason}. --model-path has to name a folder with the model's files.`;
  return new RequestPlaneError("invalid_configuration", message, {
    cause,
    facts: { setting: "--model-path" },
  });
}
