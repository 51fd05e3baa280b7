/** The model as a worker's card names it. */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex } from "@noble/hashes/utils.js";

/** A file with its checksum, as cards of every release have it. */
export interface TestModelFile {
  readonly path: string;
  readonly checksum: string;
  readonly size: number;
}

/**
 * The slots of a card that name the files of the model in the folder.
 * @param place where readers find the files. Default: the folder itself
 */
export async function testModelSlots(folder: string, place = resolve(folder)) {
  const file = async (name: string): Promise<TestModelFile> => {
    const bytes = await readFile(join(folder, name));
    const checksum = `blake3:${bytesToHex(blake3(bytes))}`;
    return { path: `${place}/${name}`, checksum, size: bytes.length };
  };
  return {
    model_info: { hf_config_json: await file("config.json") },
    tokenizer: { hf_tokenizer_json: await file("tokenizer.json") },
    prompt_formatter: { hf_tokenizer_config_json: await file("tokenizer_config.json") },
    gen_config: { hf_generation_config_json: await file("generation_config.json") },
  };
}
