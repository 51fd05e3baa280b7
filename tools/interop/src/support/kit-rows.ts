/**
 * The kit's cases in rows: what Dynamo's workers can do, by the kit's groups, and what some of them can't.
 */
import type { CaseResult } from "@dynamo/request-plane-conformance";
import type { Release } from "../releases.ts";
import { isSince } from "../releases.ts";

export interface KitRow {
  readonly name: string;
  readonly has: (testCase: Pick<CaseResult, "group" | "name">) => boolean;
  /** Why these cases fail with the release, or `undefined` when they pass. */
  readonly why: (release: Release) => Why | undefined;
}

export interface Why {
  readonly text: string;
  /** For what a case may pass by chance: what those say that don't. */
  readonly says?: RegExp;
}

/** A case belongs to the first row that has it; the rest is in rows by group. */
export const EXCEPTIONAL: readonly KitRow[] = [
  row("annotations", /annotations/, always("A handler in Python yields data; it can't send an annotation.")),
  row(
    "headers",
    /^a header |^headers of requests|stands in its header/,
    always("A handler in Python sees no headers."),
  ),
  row("metadata", /^metadata with /, before("1.3", "Metadata came with 1.3.")),
  row("time left", /how much time is left/, always("Dynamo has no deadline that a handler could be told.")),
  row(
    "a kill in mid-stream, seen as a kill",
    /^(leaving|an exception|cancel|disposing).* kills|while items arrive|hears that it is gone/,
    (release) =>
      isSince(release, "1.2")
        ? undefined
        : {
            text: "Up to 1.1 a write that fails makes it a stop, which may come first.",
            says: /account says killed: it says stopped/,
          },
  ),
  row(
    "last words after a stop",
    /^a stop lets the last|^a second stop/,
    always("A worker of Dynamo writes nothing more once it was told to stop."),
  ),
  row(
    "the text of an error, unchanged",
    /of a handler's error reaches|^failures among fifty/,
    always("Dynamo writes the class of the exception in front of its text."),
  ),
  row(
    "the code of an error that Dynamo has an exception for",
    /throws (invalid_argument|cancelled|disconnected|deadline_exceeded) |^an error after |doesn't understand/,
    before("1.2", "Exceptions have a type since 1.2."),
  ),
  row("the code unavailable", /throws unavailable /, before("1.6", "WorkerUnavailable came with 1.6.")),
  row(
    "the code of an error that Dynamo has no exception for",
    /throws (?!protocol_error|handler_failed|internal)/,
    always("Handlers in Python have no exception that means it."),
  ),
  row(
    "a wait for a caller that doesn't read large items",
    /1048576 letters waits/,
    always("Buffers of Dynamo are counted in items, not in bytes: about 70 since 1.4, 200 before."),
  ),
  row(
    "a wait for a caller that doesn't read",
    /262144 letters waits/,
    before("1.4", "Buffers of Dynamo are counted in items, not in bytes: about 200 before 1.4."),
  ),
  row("a wait for a network that stands still", /stands still makes/, (release) =>
    isSince(release, "1.4")
      ? {
          text: "Dynamo buffers about 80 items, which is as much as the case allows.",
          says: /: [7-9]\d items were sent into the dark/,
        }
      : { text: "Buffers of Dynamo are counted in items, not in bytes: about 200 before 1.4." },
  ),
];

function always(text: string): KitRow["why"] {
  return () => ({ text });
}

function before(release: `${number}.${number}`, text: string): KitRow["why"] {
  return (actual) => (isSince(actual, release) ? undefined : { text });
}

function row(name: string, pattern: RegExp, why: KitRow["why"]): KitRow {
  return { name, why, has: (testCase) => pattern.test(testCase.name) };
}

/** All rows, such that every case is in one. */
export function rowsOf(cases: readonly Pick<CaseResult, "group" | "name">[]): readonly KitRow[] {
  const isExceptional: KitRow["has"] = (testCase) => EXCEPTIONAL.some(({ has }) => has(testCase));
  const groups = [...new Set(cases.map(({ group }) => group))];
  const ordinary = groups.map((group): KitRow => {
    const has: KitRow["has"] = (testCase) => testCase.group === group && !isExceptional(testCase);
    return { name: group, has, why: () => undefined };
  });
  const firstOnly = EXCEPTIONAL.map((one, index): KitRow => {
    const before = EXCEPTIONAL.slice(0, index);
    return { ...one, has: (testCase) => one.has(testCase) && !before.some(({ has }) => has(testCase)) };
  });
  return [...ordinary, ...firstOnly];
}
