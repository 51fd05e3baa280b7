/** The contents of the model's files. */
import { BOS_ID, EOS_ID, SPECIAL_TOKENS, VOCABULARY_SIZE, vocabulary } from "./vocabulary.ts";

/** Longest sequence, in tokens. */
export const MAX_POSITIONS = 4096;

const [BOS, EOS] = SPECIAL_TOKENS;

/** Says no to other roles than these three, as templates of real models do. */
const CHAT_TEMPLATE =
  "{{ bos_token }}{% for message in messages %}" +
  "{% if message['role'] not in ['system', 'user', 'assistant'] %}" +
  "{{ raise_exception('Roles are system, user and assistant') }}{% endif %}" +
  "<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}" +
  "{% if add_generation_prompt %}<|assistant|>{% endif %}";

const config = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_size: 64,
  intermediate_size: 128,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  num_hidden_layers: 2,
  vocab_size: VOCABULARY_SIZE,
  max_position_embeddings: MAX_POSITIONS,
  bos_token_id: BOS_ID,
  eos_token_id: EOS_ID,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  hidden_act: "silu",
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
};

const tokenizerConfig = {
  tokenizer_class: "PreTrainedTokenizerFast",
  bos_token: BOS,
  eos_token: EOS,
  model_max_length: MAX_POSITIONS,
  clean_up_tokenization_spaces: false,
  chat_template: CHAT_TEMPLATE,
};

const generationConfig = { bos_token_id: BOS_ID, eos_token_id: EOS_ID, do_sample: true, temperature: 0.7 };

function tokenizer(): object {
  const { ids, merges } = vocabulary();
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content) => ({
      id: ids.get(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(ids),
      merges: merges.map(([first, second]) => `${first} ${second}`),
    },
  };
}

/** Each file by its name, as an object to be written as JSON. */
export function modelFiles(): Readonly<Record<string, object>> {
  return {
    "config.json": config,
    "tokenizer.json": tokenizer(),
    "tokenizer_config.json": tokenizerConfig,
    "generation_config.json": generationConfig,
  };
}
