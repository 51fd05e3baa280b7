/** Tokenizers of the two kinds: one whose tokens are bytes, one that writes spaces as ▁ and falls back to bytes. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VOCABULARY_SIZE, writeTestModel } from "@dynamo/test-model";
import { Tokenizer } from "../../src/tokenizer.ts";
import { decoderFactory } from "../../src/incremental-decoder.ts";
import type { DecoderFactory } from "../../src/incremental-decoder.ts";
import type { Fields } from "../../src/protocol/fields.ts";

export interface Vocabulary {
  readonly size: number;
  readonly tokenizer: Tokenizer;
  readonly decoders: DecoderFactory;
}

export async function byteLevel(): Promise<Vocabulary> {
  const folder = await mkdtemp(join(tmpdir(), "dynamo-preprocessor-"));
  try {
    await writeTestModel(folder);
    const file = JSON.parse(await readFile(join(folder, "tokenizer.json"), "utf8")) as Fields;
    return vocabulary(file, VOCABULARY_SIZE);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** As that of Llama 2: the first space of a text is not its own. */
export function withByteFallback(): Vocabulary {
  const bytes = Array.from({ length: 256 }, (_unused, byte) => `<0x${hex(byte)}>`);
  const words = ["▁", "a", "b", "▁a", "▁b", "ab", "▁ab", "é", "▁é", "你", ".", "▁▁"];
  const vocab = Object.fromEntries(
    ["<unk>", "<s>", "</s>", ...bytes, ...words].map((token, id) => [token, id]),
  );
  const special = ["<unk>", "<s>", "</s>"].map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const file = {
    version: "1.0",
    added_tokens: special,
    normalizer: {
      type: "Sequence",
      normalizers: [{ type: "Replace", pattern: { String: " " }, content: "▁" }],
    },
    pre_tokenizer: null,
    post_processor: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      unk_token: "<unk>",
      fuse_unk: true,
      byte_fallback: true,
      vocab,
      merges: ["a b", "▁ a"],
    },
  };
  return vocabulary(file, Object.keys(vocab).length);
}

function vocabulary(file: Fields, size: number): Vocabulary {
  const tokenizer = new Tokenizer({ tokenizer: file, tokenizerConfig: {} });
  return { size, tokenizer, decoders: decoderFactory(tokenizer, file) };
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}
