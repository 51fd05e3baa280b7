/**
 * The files that a model card names, read from its paths or from the worker that serves them, and checked against the
 * card's checksums.
 *
 * Source: interop notes, section B3. Workers of 1.4 and later that have `DYN_SYSTEM_PORT` write the address of their own
 * `/v1/metadata/…` into the card in place of a path (seen on 1.6.1).
 */
import { readFile } from "node:fs/promises";
import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { CardFile, CardFileSlot, ModelCard } from "@dynamo/discovery";
import { badModel, messageOf } from "./errors.ts";
import { isFields } from "./protocol/fields.ts";
import type { Fields } from "./protocol/fields.ts";

/** What the files hold. Those that a card doesn't name are `undefined`. */
export interface ModelFiles {
  /** `config.json` */
  readonly config?: Fields | undefined;
  /** `tokenizer.json` */
  readonly tokenizer: Fields;
  /** `tokenizer_config.json` */
  readonly tokenizerConfig: Fields;
  /** `generation_config.json` */
  readonly generationConfig?: Fields | undefined;
  /** The chat template, when it has a file of its own. */
  readonly chatTemplate?: string | undefined;
}

export interface FileOptions {
  /** How long the worker may take to serve a file, in milliseconds. Default 30 000. */
  readonly timeoutMs?: number;
  /** Largest file, in bytes. Default 256 MiB. */
  readonly maxBytes?: number;
}

const TIMEOUT_MS = 30_000;
const MAX_BYTES = 256 * 1024 * 1024;

/** Rejects with `invalid_configuration`, which names the file and what is wrong with it. */
export async function readModelFiles(card: ModelCard, options: FileOptions = {}): Promise<ModelFiles> {
  const json = async (slot: CardFileSlot | undefined, kind: string): Promise<Fields | undefined> => {
    const file = cardFile(slot, kind);
    return file && parseFile(file, await readCardFile(file, options));
  };
  const template = cardFile(card.chat_template_file, "hf_chat_template");
  const [config, tokenizer, tokenizerConfig, generationConfig, chatTemplate] = await Promise.all([
    json(card.model_info, "hf_config_json"),
    json(card.tokenizer, "hf_tokenizer_json"),
    json(card.prompt_formatter, "hf_tokenizer_config_json"),
    json(card.gen_config, "hf_generation_config_json"),
    template && readCardFile(template, options),
  ]);
  if (!tokenizer) throw badModel(`The card of model '${card.display_name}' names no hf_tokenizer_json`);
  const chat = chatTemplate === undefined ? undefined : Buffer.from(chatTemplate).toString();
  return { config, tokenizer, tokenizerConfig: tokenizerConfig ?? {}, generationConfig, chatTemplate: chat };
}

/** The file in a slot of the card; `undefined` when the slot is empty. */
export function cardFile(slot: CardFileSlot | undefined, kind: string): CardFile | undefined {
  if (slot === undefined || slot === null) return undefined;
  const found = slot[kind];
  // Chat templates of 2026 are in an object of their own.
  const file = isFields(found) && isFields(found["file"]) ? found["file"] : found;
  if (isFields(file) && typeof file["path"] === "string" && typeof file["checksum"] === "string") {
    return file as unknown as CardFile;
  }
  const kinds = Object.keys(slot).join(", ");
  throw badModel(`The model card names ${kinds === "" ? "nothing" : kinds} where ${kind} belongs`);
}

async function readCardFile({ path, checksum }: CardFile, options: FileOptions): Promise<Uint8Array> {
  const bytes = await read(path, options).catch((cause: unknown) => {
    throw badModel(`${path}, which the model card names, can't be read: ${messageOf(cause)}`, cause);
  });
  const actual = `blake3:${bytesToHex(blake3(bytes))}`;
  if (actual === checksum) return bytes;
  throw badModel(
    `${path} isn't the file that the model card names: its checksum is ${actual}, not ${checksum}`,
  );
}

async function read(path: string, options: FileOptions): Promise<Uint8Array> {
  const { timeoutMs = TIMEOUT_MS, maxBytes = MAX_BYTES } = options;
  if (!path.includes("://")) return readFile(path);
  if (!/^https?:/.test(path)) throw new Error("only paths and http addresses are known here");
  const response = await fetch(path, { signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`the worker answers ${response.status}`);
  }
  return collect(response, maxBytes);
}

async function collect({ body }: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseFile({ path }: CardFile, bytes: Uint8Array): Fields {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    if (isFields(value)) return value;
  } catch (cause) {
    throw badModel(`${path} is not JSON: ${messageOf(cause)}`, cause);
  }
  throw badModel(`${path} holds no JSON object`);
}
