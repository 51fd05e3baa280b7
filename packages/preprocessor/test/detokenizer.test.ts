import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Detokenizer } from "../src/detokenizer.ts";
import { preprocessedRequest } from "../src/protocol/index.ts";
import type { SamplingOptions, StopConditions } from "../src/protocol/index.ts";
import { byteLevel } from "./support/tokenizers.ts";

const { decoders, tokenizer } = await byteLevel();
const EOS = 257;

function detokenizer(stop_conditions: StopConditions, sampling_options: SamplingOptions = {}): Detokenizer {
  const request = preprocessedRequest({ model: "m", token_ids: [], stop_conditions, sampling_options });
  return new Detokenizer(decoders.decoder(true), request);
}

function bytes(text: string): number[] {
  return [...Buffer.from(text)];
}

function all(made: Detokenizer, ids: readonly number[]): string {
  return ids.map((id) => made.push([id]).text).join("") + made.end();
}

test("tokens come to the same however they are grouped", () => {
  const stops = fc.array(
    fc.string({ unit: fc.constantFrom("a", "b", "é", "你"), minLength: 1, maxLength: 3 }),
    {
      maxLength: 2,
    },
  );
  const text = fc.string({ unit: fc.constantFrom("a", "b", "é", "你", "🙂"), maxLength: 30 });
  fc.assert(
    fc.property(text, stops, fc.array(fc.nat(5)), fc.nat(10), (answer, stop, groups, minTokens) => {
      const conditions = { stop, min_tokens: minTokens, stop_token_ids_hidden: [EOS] };
      const ids = [...bytes(answer), EOS];
      const single = detokenizer(conditions);
      const grouped = detokenizer(conditions);
      let shown = "";
      const rest = [...ids];
      for (const size of groups) shown += grouped.push(rest.splice(0, size)).text;
      shown += grouped.push(rest).text + grouped.end();
      expect(shown).toBe(all(single, ids));
      expect(grouped.stopped).toEqual(single.stopped);
      expect(grouped.generated).toBe(single.generated);
    }),
    { numRuns: 3000 },
  );
});

describe("an answer ends", () => {
  test("at a stop text that is spread over tokens, inside characters too", () => {
    const made = detokenizer({ stop: ["é你"] });
    expect(all(made, bytes("aé b é你 c"))).toBe("aé b ");
    expect(made.stopped).toEqual({ reason: "stop", by: "é你" });
  });

  test("behind the stop text when that is to be shown", () => {
    const made = detokenizer({ stop: ["STOP"] }, { include_stop_str_in_output: true });
    expect(all(made, bytes("a STOP b"))).toBe("a STOP");
  });

  test("at stop tokens, which are not shown; those of the client are named", () => {
    const own = detokenizer({ stop_token_ids: [120], stop_token_ids_hidden: [EOS, 120] });
    expect(own.push([97, 120, 98])).toEqual({ text: "a", shown: 1 });
    expect(own.stopped).toEqual({ reason: "stop", by: 120 });
    expect(own.generated).toBe(2);
    const eos = detokenizer({ stop_token_ids_hidden: [EOS] });
    expect(eos.push([97, EOS])).toEqual({ text: "a", shown: 1 });
    expect(eos.stopped).toEqual({ reason: "stop" });
  });

  test("not before it has as many tokens as it must have", () => {
    const made = detokenizer({ min_tokens: 5, stop: ["b"], stop_token_ids_hidden: [EOS] });
    expect(all(made, [97, EOS, 98, 97, 98, 97])).toBe("aba");
    expect(made.stopped).toEqual({ reason: "stop", by: "b" });
  });

  test("when the worker sends more than it was asked for", () => {
    const made = detokenizer({ max_tokens: 2 });
    expect(made.push([97, 98, 99])).toEqual({ text: "ab", shown: 2 });
    expect(made.stopped).toEqual({ reason: "length" });
    expect(made.push([97])).toEqual({ text: "", shown: 0 });
  });
});

test("what was held back comes with the end", () => {
  const made = detokenizer({ stop: ["STOP"] });
  expect(made.push(bytes("x ST")).text).toBe("x ");
  expect(made.end()).toBe("ST");
  const half = detokenizer({});
  expect(half.push([0xe4]).text).toBe("");
  expect(half.end()).toBe("\u{fffd}");
});

test("special tokens are left out unless they are asked for", () => {
  const ids = [...bytes("a"), 258, ...bytes("b")];
  const shown = new Detokenizer(decoders.decoder(false), preprocessedRequest({ model: "m", token_ids: [] }));
  expect(shown.push(ids).text).toBe("a<|user|>b");
  expect(detokenizer({}).push(ids).text).toBe("ab");
  expect(tokenizer.decode(ids, true)).toBe("ab");
});
