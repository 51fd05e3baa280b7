/**
 * The checksum of a model card, by which frontends and workers know that they talk of the same model.
 *
 * Source: kv-verified notes, section 3: reproduced for cards of Dynamo's mocker, 0.7.1 and 1.6.1.
 */
import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { ModelCard, WorkerType } from "@dynamo/discovery";
import { isFields } from "./protocol/fields.ts";

/** Of `aggregated` the byte is known from cards; the others follow in the order that Dynamo declares them. */
const WORKER_TYPES: readonly WorkerType[] = ["prefill", "decode", "encode", "aggregated"];
const FIRST_WORKER_TYPE = 1;

/** Hexadecimal. Cards that say of what type their worker is are read as those of 1.6, others as those of 0.7. */
export function mdcSum(card: ModelCard): string {
  const hash = blake3.create();
  const add = (text: string): unknown => hash.update(Buffer.from(text));
  const isNew = card.worker_type !== undefined;
  add(card.display_name);
  if (isNew) add(card.source_path ?? "");
  const { model_info, tokenizer, prompt_formatter, chat_template_file, gen_config } = card;
  for (const slot of [model_info, tokenizer, prompt_formatter, chat_template_file, gen_config]) {
    for (const checksum of checksums(slot)) add(checksum);
  }
  hash.update(bigEndian(card.context_length ?? 0)).update(bigEndian(card.kv_cache_block_size));
  if (card.worker_type !== undefined) {
    hash.update(Uint8Array.of(FIRST_WORKER_TYPE + WORKER_TYPES.indexOf(card.worker_type)));
    hash.update(bigEndian(card.needs?.length ?? 0));
  }
  return bytesToHex(hash.digest());
}

/** Of the file in a slot. One that can't be used is for those to say who read it. */
function checksums(slot: unknown): string[] {
  if (!isFields(slot)) return [];
  if (typeof slot["checksum"] === "string") return [slot["checksum"]];
  return Object.values(slot).flatMap(checksums);
}

function bigEndian(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
