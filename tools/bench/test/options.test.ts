import { expect, test } from "vitest";
import { parseOptions } from "../src/options.ts";
import type { BenchOptions } from "../src/options.ts";

const PLANE_CASES = ["unary-1", "unary-64", "stream-32"];
const FRONTEND_CASES = ["chat-1", "chat-first-1", "chat-32"];

const namesOf = (all: readonly { name: string }[]): string[] => all.map(({ name }) => name);
const casesOf = ({ groups }: BenchOptions): string[] => groups.flatMap(({ cases }) => namesOf(cases));
const subjectsOf = ({ groups }: BenchOptions): string[] =>
  groups.flatMap(({ subjects }) => namesOf(subjects));

test("everything is measured unless something is asked for", () => {
  const options = parseOptions([]);
  expect(casesOf(options)).toEqual([...PLANE_CASES, ...FRONTEND_CASES]);
  expect(options.groups.map(({ subjects }) => namesOf(subjects))).toEqual([
    [
      ...["dynamo-tcp", "bare-mux", "dynamo-tcp-callhome", "call-home"],
      ...["dynamo-nats", "bare-nats-inband", "dynamo-nats-callhome", "bare-nats"],
      ...["dynamo-http", "bare-http2-inband", "dynamo-http-callhome", "bare-http2"],
      ...["grpc-js", "connect-es", "dynamo-python"],
    ],
    ["frontend", "dynamo-frontend"],
  ]);
  expect(options.plan).toMatchObject({ rounds: 5, roundMs: 1500 });
  expect(options.idle.streams).toBe(10_000);
  expect(namesOf(options.idle.subjects)).toEqual([
    ...["dynamo-tcp", "bare-mux", "dynamo-tcp-callhome", "call-home"],
    ...["grpc-js", "connect-es"],
  ]);
  expect(options).toMatchObject({ json: undefined, profile: undefined });
});

test("every rival and every base is a subject of the same group", () => {
  for (const { subjects, bases } of parseOptions([]).groups) {
    const rivals = subjects.flatMap(({ rival }) => rival ?? []);
    expect(namesOf(subjects)).toEqual(expect.arrayContaining([...rivals, ...bases]));
  }
});

test("a short run with all cases and subjects stays within a minute", () => {
  const { plan, groups } = parseOptions(["--short"]);
  const slots = groups.reduce((sum, { cases, subjects }) => sum + cases.length * subjects.length, 0);
  expect(slots * (plan.warmUpMs + plan.rounds * plan.roundMs)).toBeLessThan(35_000);
});

test("cases and subjects can be picked, more than one each; groups that are left empty are gone", () => {
  const options = parseOptions([
    ...["--case", "unary-64", "stream-32", "chat-1", "--subject", "grpc-js"],
    ...["--rounds", "2", "--seconds", "0.5"],
  ]);
  expect(casesOf(options)).toEqual(["unary-64", "stream-32"]);
  expect(subjectsOf(options)).toEqual(["grpc-js"]);
  expect(options.plan).toMatchObject({ rounds: 2, roundMs: 500 });
  expect(options.idle.subjects).toEqual([]);
});

test("memory alone can be asked for, with so many streams", () => {
  const options = parseOptions(["--case", "idle", "--streams", "7", "--subject", "grpc-js", "call-home"]);
  expect(options.groups).toEqual([]);
  expect(options.idle).toMatchObject({ streams: 7 });
  expect(namesOf(options.idle.subjects)).toEqual(["call-home", "grpc-js"]);
});

test("what is profiled is this library, unless another subject is named", () => {
  expect(subjectsOf(parseOptions(["--profile", "out"]))).toEqual([
    ...["dynamo-tcp", "dynamo-tcp-callhome"],
    ...["dynamo-nats", "dynamo-nats-callhome"],
    ...["dynamo-http", "dynamo-http-callhome"],
  ]);
  expect(subjectsOf(parseOptions(["--profile", "out", "--subject", "call-home"]))).toEqual(["call-home"]);
});
