import { expect, test } from "vitest";
import { parseOptions } from "../src/options.ts";

const namesOf = (all: readonly { name: string }[]): string[] => all.map(({ name }) => name);

test("everything is measured unless something is asked for", () => {
  const { plan, subjects, json, profile } = parseOptions([]);
  expect(namesOf(plan.cases)).toEqual(["unary-1", "unary-64", "stream-32"]);
  expect(namesOf(subjects)).toEqual([
    ...["dynamo-tcp", "bare-mux", "dynamo-tcp-callhome", "call-home"],
    ...["dynamo-nats", "bare-nats-inband", "dynamo-nats-callhome", "bare-nats"],
    ...["dynamo-http", "bare-http2-inband", "dynamo-http-callhome", "bare-http2"],
    ...["grpc-js", "connect-es"],
  ]);
  expect(plan).toMatchObject({ rounds: 5, roundMs: 1500 });
  expect({ json, profile }).toEqual({ json: undefined, profile: undefined });
});

test("a short run with all cases and subjects stays within a minute", () => {
  const { plan, subjects } = parseOptions(["--short"]);
  const totalMs = plan.cases.length * subjects.length * (plan.warmUpMs + plan.rounds * plan.roundMs);
  expect(totalMs).toBeLessThan(45_000);
});

test("cases and subjects can be picked, more than one each", () => {
  const { plan, subjects } = parseOptions([
    ...["--case", "unary-64", "stream-32", "--subject", "grpc-js"],
    ...["--rounds", "2", "--seconds", "0.5"],
  ]);
  expect(namesOf(plan.cases)).toEqual(["unary-64", "stream-32"]);
  expect(namesOf(subjects)).toEqual(["grpc-js"]);
  expect(plan).toMatchObject({ rounds: 2, roundMs: 500 });
});

test("what is profiled is this library, unless another subject is named", () => {
  expect(namesOf(parseOptions(["--profile", "out"]).subjects)).toEqual([
    ...["dynamo-tcp", "dynamo-tcp-callhome"],
    ...["dynamo-nats", "dynamo-nats-callhome"],
    ...["dynamo-http", "dynamo-http-callhome"],
  ]);
  expect(namesOf(parseOptions(["--profile", "out", "--subject", "call-home"]).subjects)).toEqual([
    "call-home",
  ]);
});
