import { expect, test } from "vitest";
import { prepareDynamo } from "../src/dynamo-wheel.ts";
import { callHome } from "../src/subjects/call-home.ts";
import { dynamoPython } from "../src/subjects/dynamo-python.ts";

const SUBJECTS = [callHome, dynamoPython];
const fail = (): never => expect.fail("nobody asked for this");

test("where Dynamo is, its subjects are measured with it", async () => {
  const prepared = await prepareDynamo(SUBJECTS, fail, async () => "/there/python");
  expect(prepared).toEqual({ subjects: SUBJECTS, dynamoPython: "/there/python" });
});

test("where it is not, they are left out, and one line says how to get it", async () => {
  const lines: string[] = [];
  const report = (line: string): void => void lines.push(line);
  const prepared = await prepareDynamo(SUBJECTS, report, async () => undefined);
  expect(prepared).toEqual({ subjects: [callHome], dynamoPython: undefined });
  expect(lines).toEqual([
    "Left out: dynamo-python (Dynamo 1.6.1 is not installed; `npm run interop -- --release 1.6.1 --plane tcp` installs it)",
  ]);
});

test("nobody looks for it when no subject needs it", async () => {
  expect(await prepareDynamo([callHome], fail, fail)).toMatchObject({ subjects: [callHome] });
});
