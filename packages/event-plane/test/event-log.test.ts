/** What a worker answers when it is asked, as 1.6.1 does. */
import { expect, test } from "vitest";
import { EventLog } from "../src/event-log.ts";
import { stored } from "./support/world.ts";

const rank = { workerId: 1n, dpRank: 0 };

function log(events: number): EventLog {
  const one = new EventLog(rank);
  for (let id = 1; id <= events; id++) one.append(stored([id], id === 1 ? undefined : id - 1));
  return one;
}

function ask(one: EventLog, startEventId?: number, endEventId?: number) {
  const answer = one.answer({ ...rank, startEventId, endEventId });
  if (answer.kind !== "events") return answer;
  return { kind: answer.kind, ids: answer.events.map(({ eventId }) => eventId) };
}

test("a worker without events always gives its empty state", () => {
  const empty = { kind: "dump", events: [], lastEventId: 0 };
  expect([ask(log(0)), ask(log(0), 9999), ask(log(0), 1, 3)]).toEqual([empty, empty, empty]);
});

test("the events that were asked for", () => {
  expect(ask(log(12), 9)).toEqual({ kind: "events", ids: [9, 10, 11, 12] });
  expect(ask(log(12), 2, 4)).toEqual({ kind: "events", ids: [2, 3, 4] });
  expect(ask(log(12), 12, 99)).toEqual({ kind: "events", ids: [12] });
});

test("what can't be", () => {
  expect(ask(log(12), 9999)).toEqual({ kind: "too_new", start: 9999, end: 12, newest: 12 });
  expect(ask(log(12), 3, 1)).toEqual({ kind: "invalid_range", start: 3, end: 1 });
});

test("the whole state at the start, and for events that are forgotten", () => {
  expect(ask(log(12))).toMatchObject({ kind: "dump", lastEventId: 12 });
  expect(ask(log(1_100), 76)).toMatchObject({ kind: "dump", lastEventId: 1_100 });
  expect(ask(log(1_100), 77)).toMatchObject({ kind: "events" });
});
