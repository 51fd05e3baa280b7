/**
 * Models that take tokens: a frontend of one side before an engine of the other, with both ways to choose a worker.
 */
import assert from "node:assert/strict";
import { inSection } from "../cell.ts";
import type { Cell } from "../cell.ts";
import { isSince } from "../releases.ts";
import { ourFrontend, startOurFrontend, startTheirFrontend, theirFrontend } from "../roles/chat.ts";
import type { ChatFrontend } from "../roles/chat.ts";
import { BLOCK_TOKENS, CONTEXT_TOKENS, startOurEngines, startTheirMocker } from "../roles/tokens.ts";
import type { Role, Site } from "../site.ts";
import { askTokens } from "../support/tokens.ts";
import type { TokensAnswer } from "../support/tokens.ts";
import { until } from "../waiting.ts";

const QUESTION = [{ role: "user", content: "one two three four five six" }];
const PROMPTS = ["alpha", "beta", "gamma", "delta"].map((word) => `${word} `.repeat(12));
const REPEATS = 4;

/** Two ends that meet: a frontend, and one or two workers of the model. */
interface Sides {
  readonly model: string;
  readonly frontend: Role<ChatFrontend>;
  readonly worker: Role<AsyncDisposable>;
  readonly kvFrontend: Role<ChatFrontend>;
  readonly twoWorkers: (site: Site, model: string) => Promise<AsyncDisposable>;
}

const theirsBeforeOurs: Sides = {
  model: "our-engine",
  frontend: theirFrontend,
  worker: (site) => startOurEngines(site, "our-engine"),
  kvFrontend: (site) => startTheirFrontend(site, ["kv"]),
  twoWorkers: (site, model) => startOurEngines(site, model, 2),
};

const oursBeforeTheirs: Sides = {
  model: "their-mocker",
  frontend: ourFrontend,
  worker: (site) => startTheirMocker(site, "their-mocker"),
  kvFrontend: (site) => startOurFrontend(site, ["--router-mode", "kv"]),
  twoWorkers: async (site, model) => {
    const both = new AsyncDisposableStack();
    both.use(await startTheirMocker(site, model));
    both.use(await startTheirMocker(site, model));
    return both;
  },
};

export const cells = [
  ...inSection("Their frontend, our engine that takes tokens", cellsOf(theirsBeforeOurs)),
  ...inSection("Our frontend, their mocker that takes tokens", cellsOf(oursBeforeTheirs)),
];

function cellsOf(sides: Sides): Omit<Cell, "section">[] {
  const { model } = sides;
  const cells: Omit<Cell, "section">[] = [
    {
      name: "answers a chat with text of the engine's tokens, and counts them",
      run: async (site) => {
        const frontend = await scene(site, sides);
        const answer = await askTokens(frontend, { model, messages: QUESTION, max_tokens: 8 });
        assertWhole(answer, 8);
      },
    },
    {
      name: "answers a completion with text of the engine's tokens, and counts them",
      run: async (site) => {
        const frontend = await scene(site, sides);
        assertWhole(await askTokens(frontend, { model, prompt: "one two three", max_tokens: 5 }), 5);
      },
    },
    {
      name: "tells a client that the engine refused a prompt longer than its context, as Dynamo does: with 500",
      run: async (site) => {
        const frontend = await scene(site, sides);
        const prompt = "word ".repeat(2 * CONTEXT_TOKENS);
        const { status, raw } = await askTokens(frontend, { model, prompt, max_tokens: 5 });
        assert.equal(status, 500, raw);
        assertWhole(await askTokens(frontend, { model, prompt: "one two three", max_tokens: 5 }), 5);
      },
    },
    {
      name: "routes prompts to the worker of two that has them in its cache, as its router says",
      run: async (site) => {
        await using _workers = await sides.twoWorkers(site, `${model}-of-two`);
        await using frontend = await sides.kvFrontend(site);
        await frontend.waitFor(`${model}-of-two`);
        const asked = { model: `${model}-of-two`, max_tokens: 2 };
        for (const prompt of PROMPTS) await sticks(frontend, { ...asked, prompt });
      },
    },
  ];
  // Mockers of older releases have other settings.
  return cells.map((cell) => ({
    ...cell,
    on: (release, plane) => isSince(release, "1.6") && plane !== "http",
  }));
}

async function scene(site: Site, { worker, frontend, model }: Sides): Promise<ChatFrontend> {
  await site.use(worker);
  const started = await site.use(frontend);
  await started.waitFor(model);
  return started;
}

function assertWhole({ status, text, finish, ...answer }: TokensAnswer, tokens: number): void {
  assert.equal(status, 200, answer.raw);
  assert.equal(finish, "length", answer.raw);
  assert.equal(answer.completionTokens, tokens, answer.raw);
  assert.ok(text.length > 0 && (answer.promptTokens ?? 0) > 0, answer.raw);
}

/** From the moment the router knows that one worker has the prompt, all that ask the same go there. */
async function sticks(
  frontend: ChatFrontend,
  asked: { model: string; prompt: string; max_tokens: number },
): Promise<void> {
  const asks = async (): Promise<TokensAnswer> => {
    const answer = await askTokens(frontend, asked);
    assert.equal(answer.status, 200, answer.raw);
    return answer;
  };
  await until(`the router knows who has '${asked.prompt}'`, async () => ((await asks()).hitRate ?? 0) > 0);
  const answers: TokensAnswer[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat += 1) answers.push(await asks());
  const [first] = answers;
  for (const answer of answers) {
    assert.ok(answer.worker !== undefined && answer.worker === first?.worker, answer.raw);
    assert.ok(answer.cachedTokens > 0, answer.raw);
    assert.equal(answer.cachedTokens, foretold(answer), answer.raw);
  }
}

/** Cached tokens by the router's count of blocks. One token at least is computed, also when all blocks are cached. */
function foretold({ hitRate = 0, promptTokens = 0 }: TokensAnswer): number {
  const known = Math.round(hitRate * Math.ceil(promptTokens / BLOCK_TOKENS));
  return Math.min(known, Math.floor((promptTokens - 1) / BLOCK_TOKENS)) * BLOCK_TOKENS;
}
