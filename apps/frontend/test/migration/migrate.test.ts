import { preprocessedRequest } from "@dynamo/preprocessor/protocol";
import type { EngineOutput, PreprocessedRequest } from "@dynamo/preprocessor/protocol";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { describe, expect, test } from "vitest";
import { migrate } from "../../src/migration/migrate.ts";
import type { MigrationOptions } from "../../src/migration/migrate.ts";
import type { EngineItems } from "../../src/tokens/engine-call.ts";

const request = preprocessedRequest({
  model: "m",
  token_ids: [1, 2],
  stop_conditions: { max_tokens: 6 },
});
const lost = () => new RequestPlaneError("disconnected", "Stream ended before generation completed");
const done: EngineOutput = { token_ids: [], finish_reason: "length" };

/** What a worker does: tokens that follow the prompt, so many of them, then its end or this error. */
interface Script {
  readonly refuse?: Error;
  readonly tokens?: number;
  readonly error?: Error;
}

/** Workers that are asked one after the other, what they were sent, and what was told of them. */
class Scene {
  readonly requests: PreprocessedRequest[] = [];
  readonly events: string[] = [];
  readonly client = new AbortController();
  readonly #scripts: Script[];

  constructor(scripts: Script[]) {
    this.#scripts = scripts;
  }

  run(options: Partial<MigrationOptions> = {}, of = request): Promise<EngineItems> {
    return migrate(of, (sent) => this.#call(sent), {
      limit: 3,
      signal: this.client.signal,
      observer: {
        lost: (type) => this.events.push(`lost ${type}`),
        settled: (type, outcome) => this.events.push(`${type} ${outcome}`),
        tooLong: () => this.events.push("too long"),
      },
      ...options,
    });
  }

  async #call(sent: PreprocessedRequest): Promise<EngineItems> {
    this.requests.push(sent);
    const script = this.#scripts.shift();
    if (!script) throw new Error("Nobody is left");
    if (script.refuse) throw script.refuse;
    return answer(sent, script);
  }
}

async function* answer(
  { token_ids, stop_conditions }: PreprocessedRequest,
  script: Script,
): EngineItems & AsyncGenerator<EngineOutput[]> {
  const { tokens = stop_conditions.max_tokens ?? 0, error } = script;
  for (let index = 0; index < tokens; index += 1) yield [{ token_ids: [token_ids.length + index] }];
  if (error) throw error;
  yield [done];
}

async function itemsOf(items: EngineItems): Promise<EngineOutput[]> {
  const all: EngineOutput[] = [];
  for await (const batch of items) all.push(...batch);
  return all;
}

async function tokensOf(items: EngineItems): Promise<number[]> {
  return (await itemsOf(items)).flatMap(({ token_ids }) => token_ids);
}

const ignore = () => undefined;

const WHOLE = [2, 3, 4, 5, 6, 7];

describe("a worker that is lost while it answers", () => {
  test("is followed by one that goes on where it stopped", async () => {
    const scene = new Scene([{ tokens: 2, error: lost() }, { tokens: 3, error: lost() }, {}]);
    expect(await tokensOf(await scene.run())).toEqual(WHOLE);
    expect(
      scene.requests.map(({ token_ids, stop_conditions }) => [token_ids.length, stop_conditions.max_tokens]),
    ).toEqual([
      [2, 6],
      [4, 4],
      [7, 1],
    ]);
    expect(scene.events).toEqual([
      "lost ongoing_request",
      "ongoing_request success",
      "lost ongoing_request",
      "ongoing_request success",
    ]);
  });

  test("before its first token is followed by one that gets the same", async () => {
    const scene = new Scene([{ tokens: 0, error: lost() }, {}]);
    expect(await tokensOf(await scene.run())).toEqual(WHOLE);
    expect(scene.requests[1]).toEqual(request);
  });

  test("is followed by as many as the limit allows, and the error is the one it was lost with", async () => {
    const first = lost();
    const scene = new Scene([{ tokens: 2, error: first }, { refuse: lost() }, { refuse: lost() }, {}]);
    await expect(tokensOf(await scene.run({ limit: 2 }))).rejects.toBe(first);
    expect(scene.requests).toHaveLength(3);
    expect(scene.events).toEqual([
      "lost ongoing_request",
      "lost new_request",
      "lost new_request",
      "ongoing_request failure",
    ]);
  });

  test("is followed by nobody with limit 0, and is counted", async () => {
    const scene = new Scene([{ tokens: 2, error: lost() }, {}]);
    await expect(tokensOf(await scene.run({ limit: 0 }))).rejects.toMatchObject({ code: "disconnected" });
    expect(scene.events).toEqual(["lost ongoing_request", "ongoing_request failure"]);
  });

  test("is followed by nobody when the client is gone", async () => {
    const scene = new Scene([{ tokens: 2, error: lost() }, {}]);
    const items = await scene.run();
    scene.client.abort();
    await expect(tokensOf(items)).rejects.toMatchObject({ code: "disconnected" });
    expect(scene.requests).toHaveLength(1);
    expect(scene.events).toEqual(["lost ongoing_request", "ongoing_request cancelled"]);
  });

  test("when all tokens were there is followed by nobody, and the answer gets its end", async () => {
    const scene = new Scene([{ tokens: 6, error: lost() }]);
    expect((await itemsOf(await scene.run())).at(-1)).toEqual(done);
    expect(scene.requests).toHaveLength(1);
  });

  test("after it said why the answer is over is not missed", async () => {
    const items = async () => {
      const scene = migrate(request, () => Promise.resolve(cut()), {
        limit: 0,
        signal: new AbortController().signal,
        observer: { lost: fail, settled: fail, tooLong: fail },
      });
      return itemsOf(await scene);
    };
    async function* cut() {
      yield [{ token_ids: [2] }, { ...done, finish_reason: "stop" as const }];
      throw lost();
    }
    const fail = () => {
      throw new Error("Nothing was lost");
    };
    expect(await items()).toHaveLength(2);
  });
});

describe("a worker that can't be reached", () => {
  test("is followed by another one", async () => {
    const cannotConnect = new RequestPlaneError("cannot_connect", "no");
    const scene = new Scene([{ refuse: cannotConnect }, { refuse: lost() }, {}]);
    expect(await tokensOf(await scene.run())).toEqual(WHOLE);
    expect(scene.events).toEqual(["lost new_request", "lost new_request", "new_request success"]);
  });

  test("is the error when there is no other", async () => {
    const scene = new Scene([{ refuse: lost() }, { refuse: lost() }]);
    await expect(scene.run({ limit: 1 })).rejects.toMatchObject({ code: "disconnected" });
    expect(scene.requests).toHaveLength(2);
  });
});

describe("nobody goes on", () => {
  test.each([
    ["a worker's own failure", new RequestPlaneError("handler_failed", "boom", { remote: true })],
    ["a refusal of the request", new RequestPlaneError("invalid_argument", "no")],
    ["a client that left", new RequestPlaneError("cancelled", "gone")],
    ["no room", new RequestPlaneError("overloaded", "full", { remote: true })],
    [
      "the end of the time for the whole",
      new RequestPlaneError("deadline_exceeded", "late", { facts: { phase: "total" } }),
    ],
    ["what is no error of the request plane", new TypeError("a fault")],
  ])("after %s", async (_what, error) => {
    const scene = new Scene([{ tokens: 2, error }, {}]);
    await expect(tokensOf(await scene.run())).rejects.toBe(error);
    expect(scene.requests).toHaveLength(1);
    expect(scene.events).toEqual([]);
  });

  test.each([
    ["follows a grammar", { sampling_options: { guided_decoding: { regex: "a*" } } }],
    ["has several choices", { sampling_options: { n: 2 } }],
    ["names its worker", { routing: { backend_instance_id: 7 } }],
  ])("with a request that %s", async (_what, fields) => {
    const scene = new Scene([{ tokens: 2, error: lost() }, {}]);
    await expect(tokensOf(await scene.run({}, { ...request, ...fields }))).rejects.toMatchObject({
      code: "disconnected",
    });
    expect(scene.requests).toHaveLength(1);
  });

  test("with what is longer than may be kept", async () => {
    const scene = new Scene([{ tokens: 4, error: lost() }, {}]);
    await expect(tokensOf(await scene.run({ maxSequence: 5 }))).rejects.toMatchObject({
      code: "disconnected",
    });
    expect(scene.events).toEqual(["too long", "lost ongoing_request", "ongoing_request failure"]);
    const fits = new Scene([{ tokens: 3, error: lost() }, {}]);
    expect(await tokensOf(await fits.run({ maxSequence: 5 }))).toEqual(WHOLE);
  });
});

test("a silent worker is left for another one", async () => {
  const silent = new RequestPlaneError("deadline_exceeded", "late", { facts: { phase: "between_items" } });
  const scene = new Scene([{ tokens: 1, error: silent }, {}]);
  expect(await tokensOf(await scene.run())).toEqual(WHOLE);
});

test("a client that stops reading ends the worker's items", async () => {
  let ended = false;
  const items = await migrate(
    request,
    async () =>
      (async function* () {
        try {
          for (;;) yield [{ token_ids: [1] }];
        } finally {
          ended = true;
        }
      })(),
    {
      limit: 3,
      signal: new AbortController().signal,
      observer: { lost: ignore, settled: ignore, tooLong: ignore },
    },
  );
  for await (const _batch of items) break;
  expect(ended).toBe(true);
});
