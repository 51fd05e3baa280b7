import { expect, test, vi } from "vitest";
import { parseOptions } from "../src/options.ts";
import type { BenchOptions } from "../src/options.ts";
import { OURS } from "../src/subjects.ts";

const PLANE_CASES = ["unary-1", "unary-64", "stream-32", "batch-32"];
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
  expect(options).toMatchObject({ json: undefined, profile: undefined, write: false });
});

test("every rival and every base is a subject of the same group", () => {
  for (const { subjects, bases } of parseOptions([]).groups) {
    const rivals = subjects.flatMap(({ rival }) => rival ?? []);
    expect(namesOf(subjects)).toEqual(expect.arrayContaining([...rivals, ...bases]));
  }
});

test("this library is measured both ways of responding, each next to what does the same", () => {
  const [planes] = parseOptions([]).groups;
  const ours = planes!.subjects.filter(({ name }) => OURS.some((one) => one.name === name));
  expect(ours.map(({ name, rival, env }) => [name, rival, env])).toEqual([
    ["dynamo-tcp", "bare-mux", { DYN_RESPONSE_PLANE: "auto" }],
    ["dynamo-tcp-callhome", "call-home", { DYN_RESPONSE_PLANE: "callhome" }],
    ["dynamo-nats", "bare-nats-inband", { DYN_RESPONSE_PLANE: "auto" }],
    ["dynamo-nats-callhome", "bare-nats", { DYN_RESPONSE_PLANE: "callhome" }],
    ["dynamo-http", "bare-http2-inband", { DYN_RESPONSE_PLANE: "auto" }],
    ["dynamo-http-callhome", "bare-http2", { DYN_RESPONSE_PLANE: "callhome" }],
  ]);
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

test("the page is written of whole runs alone", () => {
  expect(parseOptions(["--write", "--rounds", "3", "--warm-up", "0.5"])).toMatchObject({
    write: true,
    plan: { rounds: 3, warmUpMs: 500 },
  });
  const exit = vi.spyOn(process, "exit").mockImplementation((code) => {
    throw new Error(`exit ${String(code)}`);
  });
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  expect(() => parseOptions(["--write", "--short"])).toThrow("exit 2");
  expect(() => parseOptions(["--write", "--case", "idle"])).toThrow("exit 2");
  expect(() => parseOptions(["--streams", "0"])).toThrow("exit 2");
  exit.mockRestore();
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
