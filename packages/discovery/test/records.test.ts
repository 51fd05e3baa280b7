import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { DiscoveryRecord } from "@dynamo/request-plane-core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeRecord, encodeRecord, endpointRecord, isEndpointRecord, isModelRecord } from "../src/index.ts";
import { endpoint } from "./records.ts";

/** Written by the runtimes of these releases. */
const REAL = {
  "0.7.1 endpoint":
    '{"type":"Endpoint","component":"backend","endpoint":"generate","namespace":"dynamo","instance_id":15125498769665051088,"transport":{"tcp":"127.0.0.1:19001/generate"}}',
  "1.6.1 endpoint":
    '{"type":"Endpoint","component":"backend","endpoint":"generate","namespace":"dynamo","instance_id":2618158913033610218,"transport":{"tcp":"127.0.0.1:44967/245591a8e8e423ea/dynamo/backend/generate"},"device_type":"cuda","request_plane_codec":"msgpack"}',
  "1.6.1 echo model":
    '{"type":"Model","namespace":"dynamo","component":"backend","endpoint":"generate","instance_id":2618158913033610218,"card_json":{"display_name":"echo","slug":"echo","model_info":null,"tokenizer":null,"context_length":0,"kv_cache_block_size":16,"migration_limit":0,"model_type":"Chat","model_input":"Text","worker_type":"aggregated","needs":[],"runtime_config":{"total_kv_blocks":null,"max_num_seqs":null,"max_num_batched_tokens":null,"tool_call_parser":null,"reasoning_parser":null,"tool_call_arguments_format":"json_string","structural_tag_mode":"off","structural_tag_scope":"auto","structural_tag_schema":"auto","exclude_tools_when_tool_choice_none":true,"data_parallel_start_rank":0,"data_parallel_size":1,"enable_local_indexer":true,"enable_eagle":false},"media_decoder":null,"media_fetcher":null}}',
  "0.7.1 mocker model":
    '{"type":"Model","namespace":"dynamo","component":"backend","endpoint":"generate","instance_id":15125498769665051088,"card_json":{"display_name":"mock","slug":"mock","model_info":{"hf_config_json":{"path":"/models/mock/config.json","checksum":"blake3:da2900246d344ca11ed0d928b154174f7af9b8f4920f4d44aa09276ef8758479"}},"context_length":4096,"kv_cache_block_size":4,"migration_limit":0,"model_type":"Chat | Completions","model_input":"Tokens","runtime_config":{"total_kv_blocks":16384,"max_num_seqs":256,"max_num_batched_tokens":8192,"tool_call_parser":null,"reasoning_parser":null,"data_parallel_size":1},"media_fetcher":{"user_agent":"dynamo-ai/dynamo","allow_direct_ip":false,"timeout":{"secs":30,"nanos":0}}}}',
};

describe("records of real releases", () => {
  test.each(Object.entries(REAL))("%s is read and written back byte for byte", (_name, text) => {
    const record = decodeRecord(text);
    expect(encodeRecord(record)).toBe(text);
    expect(isModelRecord(record)).toBe(text.includes('"Model"'));
    expect(isEndpointRecord(record)).toBe(text.includes('"Endpoint"'));
  });

  test("a record made from an instance has Dynamo's order of fields", () => {
    const { type: _type, ...instance } = decodeRecord(REAL["1.6.1 endpoint"]) as ReturnType<typeof endpoint>;
    const shuffled = Object.fromEntries(Object.entries(instance).reverse()) as typeof instance;
    expect(Object.keys(endpointRecord(shuffled)).slice(0, 6)).toEqual(
      Object.keys(decodeRecord(REAL["1.6.1 endpoint"])).slice(0, 6),
    );
    expect(encodeRecord(endpointRecord(instance))).toBe(REAL["1.6.1 endpoint"]);
  });
});

describe("instance ids", () => {
  test.each([0n, 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n])("%d is kept", (id) => {
    const text = encodeRecord(endpoint(id));
    expect(text).toContain(`"instance_id":${id.toString()},`);
    expect(decodeRecord(text).instance_id).toBe(id);
  });

  test.each(["-1", "18446744073709551616", "1.5", '"1"', "null", "1e3000"])("%s is refused", (id) => {
    const text = encodeRecord(endpoint(7n)).replace('"instance_id":7', `"instance_id":${id}`);
    expect(() => decodeRecord(text)).toThrow(expect.objectContaining({ code: "protocol_error" }));
  });
});

describe("what is no record", () => {
  const fields = JSON.parse(encodeRecord(endpoint(7n))) as Record<string, unknown>;
  const card = JSON.parse(REAL["1.6.1 echo model"]) as { card_json: Record<string, unknown> };

  test.each(["", "{", "null", "[]", "7", '"text"', "{}"])("%j", (text) => {
    expect(() => decodeRecord(text)).toThrow(RequestPlaneError);
  });

  test.each(["type", "namespace", "component", "endpoint", "instance_id", "transport"])(
    "without %s",
    (field) => {
      const { [field]: _left, ...rest } = fields;
      expect(() => decodeRecord(JSON.stringify(rest))).toThrow(`'${field}'`);
    },
  );

  test.each(["display_name", "slug", "model_type", "model_input", "kv_cache_block_size", "migration_limit"])(
    "a card without %s",
    (field) => {
      const { [field]: _left, ...rest } = card.card_json;
      expect(() => decodeRecord(JSON.stringify({ ...card, card_json: rest }))).toThrow(
        `'card_json.${field}'`,
      );
    },
  );

  test.each([[{}], [{ tcp: 1 }], ["tcp"], [null], [["tcp"]]])("the transport %j", (transport) => {
    expect(() => decodeRecord(JSON.stringify({ ...fields, transport }))).toThrow("'transport'");
  });

  test("records that could not be read back are not written", () => {
    const refused: unknown = expect.objectContaining({ code: "invalid_argument" });
    expect(() => encodeRecord({ ...endpoint(1n), namespace: "" })).toThrow(refused);
    expect(() => encodeRecord({ ...endpoint(1n), namespace: "\ud800" })).toThrow(refused);
    expect(() => encodeRecord({ ...endpoint(1n), instance_id: 2n ** 64n })).toThrow(refused);
    expect(() => encodeRecord({ ...endpoint(1n), load: NaN })).toThrow(refused);
  });
});

test("any record with any fields comes back equal, and its text too", () => {
  const name = fc.string({ unit: "grapheme", minLength: 1 });
  const beyondNumbers = fc
    .bigInt()
    .filter((value) => !Number.isSafeInteger(Number(value)) && Number.isFinite(Number(value)));
  const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
  const unknown = fc.object({
    values: [fc.string(), fc.boolean(), fc.constant(null), number, beyondNumbers],
  });
  const transport = fc.dictionary(name, fc.string({ unit: "grapheme" }), {
    minKeys: 1,
    noNullPrototype: true,
  });
  const record = fc
    .record({
      type: fc.constant("Endpoint"),
      namespace: name,
      component: name,
      endpoint: name,
      instance_id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      transport,
    })
    .chain((known) => unknown.map((rest): DiscoveryRecord => ({ ...rest, ...known })));
  fc.assert(
    fc.property(record, (given) => {
      const text = encodeRecord(given);
      const read = decodeRecord(text);
      expect(read).toStrictEqual(given);
      expect(encodeRecord(read)).toBe(text);
    }),
    { numRuns: 1000 },
  );
});
