import { describe, expect, test } from "vitest";
import { endpointRecord, modelRecord, recordKey, slugOf, textChatCard } from "../src/index.ts";
import { FILE_LAYOUTS } from "../src/file/layout.ts";
import { keyInBucket } from "../src/record-key.ts";
import { endpoint } from "./records.ts";

const ID = 2618158913033610218n;

describe("keys", () => {
  test("instances and models, with and without a suffix", () => {
    const instance = endpoint(ID);
    const model = modelRecord(instance, textChatCard("m"));
    expect(recordKey(instance)).toBe("v1/instances/dynamo/backend/generate/245591a8e8e423ea");
    expect(recordKey(model)).toBe("v1/mdc/dynamo/backend/generate/245591a8e8e423ea");
    expect(recordKey({ ...model, model_suffix: "my-lora" })).toBe(
      "v1/mdc/dynamo/backend/generate/245591a8e8e423ea/my-lora",
    );
    expect(recordKey({ ...model, model_suffix: "" })).toBe(recordKey(model));
  });

  test("ids are hexadecimal without padding", () => {
    expect(recordKey(endpoint(0n))).toMatch(/\/0$/);
    expect(recordKey(endpoint(2n ** 64n - 1n))).toMatch(/\/f{16}$/);
  });

  test("a type that has no place is named", () => {
    expect(() => recordKey({ ...endpoint(1n), type: "Router" })).toThrow("'Router'");
  });
});

describe("file names", () => {
  test("as the real releases write them", () => {
    const key = keyInBucket(endpoint(ID));
    expect(FILE_LAYOUTS["0.8"].nameOf(key)).toBe("dynamo%2Fbackend%2Fgenerate%2F245591a8e8e423ea");
    expect(FILE_LAYOUTS["0.7"].nameOf(key)).toBe("dynamo_backend_generate_245591a8e8e423ea");
  });

  test("every byte that is not a letter or digit is encoded", () => {
    const every = Array.from({ length: 127 }, (_, code) => String.fromCharCode(code + 1)).join("");
    const name = FILE_LAYOUTS["0.8"].nameOf(every + "é€😀");
    expect(name).toMatch(/^([A-Za-z0-9]|%[0-9A-F]{2})+$/);
    expect(name).toMatch(/%C3%A9%E2%82%AC%F0%9F%98%80$/);
    expect(name).toContain("%2D%2E%2F0123456789%3A");
    expect(FILE_LAYOUTS["0.8"].isNameOf(name, every + "é€😀")).toBe(true);
  });

  test("a name that another writer encoded more sparingly is the same name", () => {
    const record = endpointRecord({ ...endpoint(1n), namespace: "my-ns" });
    expect(FILE_LAYOUTS["0.8"].isNameOf("my-ns%2fbackend%2fgenerate%2f1", keyInBucket(record))).toBe(true);
    expect(FILE_LAYOUTS["0.8"].isNameOf("other%2fbackend%2fgenerate%2f1", keyInBucket(record))).toBe(false);
    expect(FILE_LAYOUTS["0.8"].isNameOf("100%", keyInBucket(record))).toBe(false);
  });
});

test.each([
  ["mock", "mock"],
  ["Meta/Llama-3.1 8B_x", "meta_llama-3_1_8b_x"],
  ["__a", "a"],
  ["é😀b", "b"],
])("the slug of %s is %s", (text, slug) => {
  expect(slugOf(text)).toBe(slug);
});

test("a card for chat has what every release demands", () => {
  // A second worker of a model whose length differs is refused by frontends of 1.6, and Dynamo's own have 0.
  expect(textChatCard("Org/Model")).toMatchObject({ context_length: 0, kv_cache_block_size: 16 });
  const card = textChatCard("Org/Model", { context_length: 4096 });
  expect(card).toMatchObject({ display_name: "Org/Model", slug: "org_model", context_length: 4096 });
  expect(Object.keys(card)).toEqual([
    "display_name",
    "slug",
    "model_info",
    "tokenizer",
    "context_length",
    "kv_cache_block_size",
    "migration_limit",
    "model_type",
    "model_input",
    "worker_type",
    "needs",
    "runtime_config",
  ]);
  expect(() => textChatCard("")).toThrow("name");
});
