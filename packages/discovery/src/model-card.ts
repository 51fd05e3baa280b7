/**
 * Model cards: what a worker says about the model it serves, so that a frontend can build a pipeline for it.
 *
 * Source: lib/llm/src/model_card.rs and local_model/runtime_config.rs of ai-dynamo/dynamo, 0.7.1 to 1.6.1.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { slugOf } from "./slug.ts";

/** A file of the model, with its checksum (`blake3:` and the hexadecimal digest). */
export interface CardFile {
  readonly path: string;
  readonly checksum: string;
  /** In bytes. Written from 1.4 on. */
  readonly size?: number;
}

/** The place of one file in a card. The key says of what kind it is, for example `hf_tokenizer_json`. */
export type CardFileSlot = Readonly<Record<string, unknown>> | null;

/** Which stage of a model a worker runs. Written from 1.3 on; 0.7 ignores it. */
export type WorkerType = "aggregated" | "prefill" | "decode" | "encode";

/** What the worker's engine was started with. */
export interface ModelRuntimeConfig {
  readonly total_kv_blocks?: number | null;
  readonly max_num_seqs?: number | null;
  readonly max_num_batched_tokens?: number | null;
  readonly tool_call_parser?: string | null;
  readonly reasoning_parser?: string | null;
  readonly data_parallel_size?: number;
  /** In tokens; 2026 releases read it here. */
  readonly context_length?: number;
  readonly [unknown: string]: unknown;
}

/** A card as it stands in a `Model` record. The fields that are not optional are those every release requires. */
export interface ModelCard {
  /** The name under which clients ask for the model. */
  readonly display_name: string;
  readonly slug: string;
  /** Flags joined by ` | `: Chat, Completions, Embedding, TensorBased, Prefill and, later, others. */
  readonly model_type: string;
  /** What the frontend sends: `Text` (OpenAI JSON), `Tokens` or `Tensor`. */
  readonly model_input: string;
  /** In tokens; the unit of KV routing. */
  readonly kv_cache_block_size: number;
  /** How often a broken stream may move on to another worker; 0 turns it off. Read by 0.7. */
  readonly migration_limit: number;
  /** In tokens. Required up to 1.0, left out by 1.3. */
  readonly context_length?: number;
  readonly source_path?: string;
  readonly model_info?: CardFileSlot;
  readonly tokenizer?: CardFileSlot;
  readonly prompt_formatter?: CardFileSlot;
  readonly chat_template_file?: CardFileSlot;
  readonly gen_config?: CardFileSlot;
  readonly worker_type?: WorkerType;
  /** Worker types that must be there too: any one of the lists, and of that list all. */
  readonly needs?: readonly (readonly WorkerType[])[];
  readonly runtime_config?: ModelRuntimeConfig;
  readonly [unknown: string]: unknown;
}

/**
 * A card for a worker that takes OpenAI chat JSON and streams `chat.completion.chunk` objects. No tokenizer and
 * no files are needed. Frontends from 0.7.1 to 1.6.1 accept it as it is. All replicas of a model must publish
 * the same card, or Dynamo refuses the second one.
 *
 * Default: what Dynamo's own text workers publish, so that they can be replicas of one model: a context length of 0,
 * which says nothing, and blocks of 16. Throws `invalid_argument` when the name is empty.
 */
export function textChatCard(displayName: string, overrides: Partial<ModelCard> = {}): ModelCard {
  if (displayName === "") throw new RequestPlaneError("invalid_argument", "A model needs a name.");
  return {
    display_name: displayName,
    slug: slugOf(displayName),
    model_info: null,
    tokenizer: null,
    context_length: 0,
    kv_cache_block_size: 16,
    migration_limit: 0,
    model_type: "Chat",
    model_input: "Text",
    worker_type: "aggregated",
    needs: [],
    runtime_config: {
      total_kv_blocks: null,
      max_num_seqs: null,
      max_num_batched_tokens: null,
      tool_call_parser: null,
      reasoning_parser: null,
      data_parallel_size: 1,
    },
    ...overrides,
  };
}
