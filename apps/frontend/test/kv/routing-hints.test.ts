import { describe, expect, test } from "vitest";
import { HttpError } from "../../src/errors.ts";
import { parseJsonBody } from "../../src/json-body.ts";
import { routingField, timingField, workerIdField } from "../../src/kv/routing-fields.ts";
import { routingHints } from "../../src/routing-hints.ts";

const hints = (nvext: unknown, headers: Record<string, string> = {}) =>
  routingHints(headers, parseJsonBody(Buffer.from(JSON.stringify({ nvext }))));

describe("what a request says about its routing", () => {
  test("is nothing most of the time", () => {
    const nothing = { pin: undefined, dpRank: undefined, override: undefined, query: undefined };
    for (const nvext of [undefined, null, {}]) {
      expect(hints(nvext)).toEqual({ ...nothing, extraFields: new Set() });
    }
  });

  test("is a worker and a rank", () => {
    const headers = { "x-dynamo-worker-instance-id": "18446744073709551615", "x-dynamo-dp-rank": "3" };
    expect(hints({}, headers)).toMatchObject({ pin: 2n ** 64n - 1n, dpRank: 3 });
  });

  test.each([
    [{ overlap_score_credit: 0.5 }, { overlapScoreCredit: 0.5 }],
    [{ overlap_score_weight: 2 }, { prefillLoadScale: 2 }],
    [{ prefill_load_scale: 3, overlap_score_weight: 2 }, { prefillLoadScale: 3 }],
    [{ router_temperature: 0, overlap_score_credit: null, assume_kv_reuse: true }, { temperature: 0 }],
  ])("is settings of the router: %j", (given, override) => {
    expect(hints({ router_config_override: given }).override).toEqual(override);
  });

  test.each([
    [["query_instance_id"], "0.7"],
    [["query_instance_id:"], "1.6"],
    [["other", "query_instance_id:1"], "1.6"],
    [["query_instance"], undefined],
  ])("is the question where it would go: %j", (annotations, query) => {
    expect(hints({ annotations }).query).toBe(query);
  });

  test.each([
    [
      { router_config_override: { router_temperature: -1 } },
      "nvext.router_config_override.router_temperature",
    ],
    [
      { router_config_override: { overlap_score_weight: "2" } },
      "nvext.router_config_override.overlap_score_weight",
    ],
    [{ extra_fields: "timing" }, "nvext.extra_fields"],
    [{ annotations: [1] }, "nvext.annotations.0"],
  ])("is refused where it can't be used: %j", (nvext, param) => {
    expect(() => hints(nvext)).toThrow(HttpError);
    expect(() => hints(nvext)).toThrow(param);
  });

  test.each(["-1", "1.5", "", "x", "4294967296"])("a rank of '%s' is refused", (rank) => {
    expect(() => hints({}, { "x-dynamo-dp-rank": rank })).toThrow("x-dynamo-dp-rank");
  });
});

describe("what a response says about its routing", () => {
  test("has the fields of 1.6.1", () => {
    const decision = { dpRank: 0, overlapBlocks: 8, promptBlocks: 9 };
    expect(workerIdField(2n ** 63n, decision)).toEqual({
      prefill_worker_id: 2n ** 63n,
      prefill_dp_rank: 0,
      decode_worker_id: 2n ** 63n,
      decode_dp_rank: 0,
    });
    const moments = { received: 1000, sent: 1002, firstToken: 1010 };
    expect(timingField(moments, decision, 1050)).toEqual({
      request_received_ms: 1000,
      prefill_wait_time_ms: 2,
      prefill_time_ms: 8,
      ttft_ms: 10,
      total_time_ms: 50,
      kv_hit_rate: 8 / 9,
      router_queue_depth: 0,
    });
    expect(timingField(moments, {}, 1050)).not.toHaveProperty("kv_hit_rate");
    expect(workerIdField(1n, {})).toEqual({ prefill_worker_id: 1n, decode_worker_id: 1n });
    expect(routingField(decision)).toBeUndefined();
  });
});
