/**
 * Models that take tokens: a frontend of one side before an engine of the other, with both ways to choose a worker.
 */
import assert from "node:assert/strict";
import { cannot, inSection } from "../cell.ts";
import type { Cell } from "../cell.ts";
import { isSince, planesOf } from "../releases.ts";
import type { Release } from "../releases.ts";
import { ourFrontend, startOurFrontend, startTheirFrontend, theirFrontend } from "../roles/chat.ts";
import type { ChatFrontend } from "../roles/chat.ts";
import { kvSite, lackOfKvEvents } from "../roles/kv-site.ts";
import {
  BLOCK_TOKENS,
  CONTEXT_TOKENS,
  startOurEngine,
  startTheirMocker,
  startTwoOurEngines,
  startTwoTheirMockers,
} from "../roles/tokens.ts";
import type { Role, Site } from "../site.ts";
import { fullBlocksOf, KvAsker } from "../support/kv-asker.ts";
import type { KvAnswer } from "../support/kv-asker.ts";
import { KvNews } from "../support/kv-news.ts";
import { askTokens } from "../support/tokens.ts";
import type { TokensAnswer } from "../support/tokens.ts";
import { until } from "../waiting.ts";

const QUESTION = [{ role: "user", content: "one two three four five six" }];
const LONG_PROMPT = "word ".repeat(2 * CONTEXT_TOKENS);
const TOPICS = ["alpha", "beta", "gamma", "delta"];
const REPEATS = 4;

/** Two ends that meet: a frontend, and one or two workers of the model. */
interface Sides {
  readonly model: string;
  readonly frontend: Role<ChatFrontend>;
  readonly worker: Role<AsyncDisposable>;
  readonly kvFrontend: Role<ChatFrontend>;
  readonly twoWorkers: (site: Site, model: string) => Promise<AsyncDisposable>;
  /** Whether answers tell what was cached. */
  readonly tellsCached: (site: Site) => boolean;
  /** Whether the frontend goes by the context length of the model's card: theirs did, and their workers told it. */
  readonly refusesByCard: (release: Release) => boolean;
}

const theirsBeforeOurs: Sides = {
  model: "our-engine",
  frontend: theirFrontend,
  worker: (site) => startOurEngine(site, "our-engine"),
  kvFrontend: (site) => startTheirFrontend(site, ["kv"]),
  twoWorkers: startTwoOurEngines,
  tellsCached: (site) => site.isSince("0.8"),
  refusesByCard: (release) => !isSince(release, "1.5"),
};

const oursBeforeTheirs: Sides = {
  model: "their-mocker",
  frontend: ourFrontend,
  worker: (site) => startTheirMocker(site, "their-mocker"),
  kvFrontend: (site) => startOurFrontend(site, ["--router-mode", "kv"]),
  twoWorkers: startTwoTheirMockers,
  tellsCached: (site) => site.isSince("1.5"),
  refusesByCard: (release) => !isSince(release, "1.3"),
};

export const cells = [
  ...inSection("Their frontend, our engine that takes tokens", cellsOf(theirsBeforeOurs)),
  ...inSection("Our frontend, their mocker that takes tokens", cellsOf(oursBeforeTheirs)),
];

function cellsOf(sides: Sides): Omit<Cell, "section">[] {
  const { model } = sides;
  return [
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
      on: (release, plane) => !sides.refusesByCard(release) && planesOf(release).includes(plane),
      run: async (site) => {
        const frontend = await scene(site, sides);
        const { status, raw } = await askTokens(frontend, { model, prompt: LONG_PROMPT, max_tokens: 5 });
        assert.equal(status, 500, raw);
        assertWhole(await askTokens(frontend, { model, prompt: "one two three", max_tokens: 5 }), 5);
      },
    },
    {
      name: "refuses a prompt that is longer than the context on the model's card with 400",
      on: (release, plane) => sides.refusesByCard(release) && planesOf(release).includes(plane),
      run: async (site) => {
        const frontend = await scene(site, sides);
        const { status, raw, completionTokens } = await askTokens(frontend, {
          model,
          prompt: LONG_PROMPT,
          max_tokens: 5,
        });
        if (sides === theirsBeforeOurs && !site.isSince("1.0")) {
          assert.deepEqual({ status, completionTokens }, { status: 200, completionTokens: 0 }, raw);
          return cannot(
            "Before 1.0 the worker is asked all the same, and what it says becomes an answer without tokens.",
          );
        }
        assert.equal(status, 400, raw);
        return undefined;
      },
    },
    {
      name: "routes prompts to the worker of two that has them in its cache, as its router says",
      run: async (place) => {
        const lack = lackOfKvEvents(place.release);
        if (lack !== undefined) return cannot(lack);
        const { site } = await place.use(kvSite);
        await using news = await KvNews.of(site);
        await using _workers = await sides.twoWorkers(site, `${model}-of-two`);
        await using frontend = await sides.kvFrontend(site);
        const asker = new KvAsker(frontend, `${model}-of-two`, news);
        await asker.untilTwoAreChosen();
        for (const topic of TOPICS) await sticks(asker, topic, sides.tellsCached(site));
        if (sides === oursBeforeTheirs && !site.isSince("0.8")) await mockersAgree(asker, news);
        return undefined;
      },
    },
  ];
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

/** Once the router knows that one worker has the prompt, all that ask the same go there. */
async function sticks(asker: KvAsker, topic: string, tellsCached: boolean): Promise<void> {
  const { worker, prompt } = await asker.untilKnown(topic);
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    const answer = await asker.ask(prompt);
    assert.equal(answer.worker, worker, answer.raw);
    assert.equal(answer.expectedBlocks, fullBlocksOf(answer), answer.raw);
    assert.equal(answer.cachedTokens, tellsCached ? foretold(answer) : undefined, answer.raw);
  }
}

/** Cached tokens by the router's count of blocks. One token at least is computed, also when all blocks are cached. */
function foretold({ expectedBlocks, promptTokens }: KvAnswer): number {
  return Math.min(expectedBlocks, Math.floor((promptTokens - 1) / BLOCK_TOKENS)) * BLOCK_TOKENS;
}

/** What mockers of 0.7 say that they had of all prompts, the mean, is what the router expected. */
async function mockersAgree(asker: KvAsker, news: KvNews): Promise<void> {
  for (const { worker, prompt } of lastKnown(asker.answers)) {
    const agrees = (): boolean =>
      Math.abs((news.shares.get(worker) ?? -1) - expectedShare(asker.answers, worker)) < 1e-4;
    await until(`mocker ${worker} says that it had what the router expected`, async () => {
      // They tell nothing when so little changes that they don't see it.
      if (!agrees()) await asker.ask(prompt);
      return agrees();
    });
  }
}

/** Of each worker the last answer whose prompt the router knew there. */
function lastKnown(answers: readonly KvAnswer[]): readonly KvAnswer[] {
  const known = answers.filter(({ expectedBlocks }) => expectedBlocks > 0);
  return [...new Map(known.map((answer) => [answer.worker, answer])).values()];
}

/** Also of prompts that came again before the router could know. */
function expectedShare(answers: readonly KvAnswer[], worker: string): number {
  const seen = new Set<string>();
  const shares = answers
    .filter((answer) => answer.worker === worker)
    .map((answer) => {
      const blocks = seen.has(answer.prompt) ? fullBlocksOf(answer) : answer.expectedBlocks;
      seen.add(answer.prompt);
      return (blocks * BLOCK_TOKENS) / answer.promptTokens;
    });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}
