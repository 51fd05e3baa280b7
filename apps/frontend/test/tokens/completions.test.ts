/** `/v1/completions`, of models that take tokens and of models that take text. */
import { describe, expect, test } from "vitest";
import { deploy } from "../support/deployment.ts";
import { errorOf, send } from "../support/http.ts";
import { chunksOf } from "../support/sse.ts";
import { bytesOf, saying, serveTokens } from "./support.ts";

interface Choice {
  readonly index: number;
  readonly text: string;
  readonly finish_reason: string | null;
}

describe("a model that takes tokens", () => {
  test.each([
    ["text", "ab", [[97, 98]]],
    ["token ids", [1, 2], [[1, 2]]],
    ["several texts", ["a", "b"], [[97], [98]]],
    ["several lists of token ids", [[1], [2, 3]], [[1], [2, 3]]],
  ])("takes a prompt as %s", async (_name, prompt, expected) => {
    const served = await serveTokens(({ token_ids: ids }) => saying(`${ids.length}!`));
    const answer = await served.complete({ prompt, max_tokens: 5 });
    expect(answer.status).toBe(200);
    expect(served.requests.map(({ token_ids: ids }) => ids)).toEqual(expect.arrayContaining(expected));
    const { choices, usage, object } = JSON.parse(answer.body) as {
      choices: Choice[];
      usage: object;
      object: string;
    };
    expect(object).toBe("text_completion");
    expect(choices).toEqual(
      expected.map((ids, index) => ({
        index,
        text: `${ids.length}!`,
        finish_reason: "stop",
        logprobs: null,
      })),
    );
    const promptTokens = expected.flat().length;
    expect(usage).toMatchObject({ prompt_tokens: promptTokens, completion_tokens: 2 * expected.length });
  });

  test("streams, with the prompt first when that is asked for", async () => {
    const served = await serveTokens(() => saying("yz"));
    const answer = await served.complete({ prompt: ["ab", "c"], echo: true, stream: true });
    const texts = new Map<number, string>();
    for (const { choices } of chunksOf(answer.body) as { choices: Choice[] }[]) {
      for (const { index, text } of choices) texts.set(index, (texts.get(index) ?? "") + text);
    }
    expect(texts).toEqual(
      new Map([
        [0, "abyz"],
        [1, "cyz"],
      ]),
    );
    const ofTokens = await served.complete({ prompt: bytesOf("ab"), echo: true });
    expect(JSON.parse(ofTokens.body)).toMatchObject({ choices: [{ text: "abyz" }] });
  });

  test("says where tokens stand in the text", async () => {
    const served = await serveTokens(function* () {
      yield { token_ids: bytesOf("yz"), log_probs: [-1, -2], top_logprobs: [[], []], finish_reason: "stop" };
    });
    const answer = await served.complete({ prompt: "ab", echo: true, logprobs: 1 });
    expect(JSON.parse(answer.body)).toMatchObject({
      choices: [{ logprobs: { tokens: ["y", "z"], token_logprobs: [-1, -2], text_offset: [2, 3] } }],
    });
  });

  test("cancels the other prompts when one fails", async () => {
    let running = 0;
    const served = await serveTokens(async function* ({ token_ids: ids }, { signal }) {
      if (ids[0] === 98) {
        yield { token_ids: [1] };
        throw new Error("broken");
      }
      running += 1;
      yield { token_ids: [97] };
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      running -= 1;
    });
    expect((await served.complete({ prompt: ["a", "b", "a"] })).status).toBe(500);
    await served.deployment.rest();
    expect(running).toBe(0);
  });

  test.each([
    [{}, "missing field `prompt`"],
    [{ prompt: [] }, "prompt"],
    [{ prompt: [[]] }, "Prompt cannot be empty"],
    [{ prompt: [1, "a"] }, "prompt"],
    [{ prompt: "a", n: 2 }, "n must be 1"],
    [{ prompt: "a", best_of: 2 }, "best_of must be 1"],
    [{ prompt: "a", max_tokens: 0 }, "Max_tokens"],
  ])("refuses %j with 400", async (fields, message) => {
    const served = await serveTokens(() => saying("ok"));
    const answer = await served.complete(fields);
    expect(answer.status).toBe(400);
    expect(errorOf(answer).message).toContain(message);
    expect(served.requests).toEqual([]);
  });
});

describe("a model that takes text", () => {
  const chunk = (text: string, finish: string | null) => ({
    id: "cmpl-1",
    object: "text_completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, text, finish_reason: finish, logprobs: null }],
  });

  test("gets the client's JSON, and its chunks become one answer", async () => {
    const deployment = await deploy();
    const seen: unknown[] = [];
    await deployment.serve(
      async function* (request) {
        seen.push(request);
        yield chunk("a", null);
        yield chunk("b", "stop");
      },
      { card: { model_type: "Completions" } },
    );
    const body = { model: "m", prompt: "x", own: 1 };
    const whole = await send(deployment.url, { path: "/v1/completions", body: JSON.stringify(body) });
    expect(seen).toEqual([body]);
    expect(JSON.parse(whole.body)).toEqual({ ...chunk("ab", "stop") });
    const streamed = await send(deployment.url, {
      path: "/v1/completions",
      body: JSON.stringify({ ...body, stream: true }),
    });
    expect(chunksOf(streamed.body)).toEqual([chunk("a", null), chunk("b", "stop")]);
    const chat = await send(deployment.url, {
      body: JSON.stringify({ model: "m", messages: [{ role: "user" }] }),
    });
    expect(chat.status).toBe(404);
  });
});
