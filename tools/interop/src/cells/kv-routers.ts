/**
 * Routers that come late, and what they know by then: events that a stream of JetStream holds, and the state that
 * another router has saved. Up to 1.2; later ones ask the workers. The request plane has no part in it.
 */
import assert from "node:assert/strict";
import { cannot, inSection } from "../cell.ts";
import type { Cannot, Cell } from "../cell.ts";
import { isSince } from "../releases.ts";
import { startOurFrontend, startTheirFrontend } from "../roles/chat.ts";
import type { ChatFrontend } from "../roles/chat.ts";
import { kvSite, lackOfKvEvents } from "../roles/kv-site.ts";
import { startOurEngine, startTwoOurEngines, startTwoTheirMockers } from "../roles/tokens.ts";
import type { Site } from "../site.ts";
import { fullBlocksOf, KvAsker } from "../support/kv-asker.ts";
import type { KvAnswer } from "../support/kv-asker.ts";
import { KvNews } from "../support/kv-news.ts";
import { until } from "../waiting.ts";

const TOPICS = ["weather", "bread", "trains", "music"];
/** Events in the stream from which on a router saves its state. */
const THRESHOLD = "1";

const cellsOfRouters: Omit<Cell, "section">[] = [
  {
    name: "a router of ours that starts anew knows from the stream what their mockers have",
    run: (site) =>
      startsAnew(site, "theirs-stay", startTwoTheirMockers, (place) =>
        startOurFrontend(place, ["--router-mode", "kv"]),
      ),
  },
  {
    name: "a router of theirs that starts anew knows from the stream what our engines have",
    run: (site) =>
      startsAnew(site, "ours-stay", startTwoOurEngines, (place) => startTheirFrontend(place, ["kv"])),
  },
  {
    name: "a router of theirs forgets engines of ours that end, and learns what new ones have",
    run: async (place) => {
      const { site } = await place.use(kvSite);
      const model = "ours-go";
      await using news = await KvNews.of(site);
      await using frontend = await startTheirFrontend(site, ["kv"]);
      const asker = new KvAsker(frontend, model, news);
      const first = await Promise.all([startOurEngine(site, model), startOurEngine(site, model)]);
      const gone = await asker.untilTwoAreChosen();
      const known = await asker.untilKnown("weather");
      for (const { process } of first) {
        await process.kill("SIGTERM");
        await process.ended;
      }
      await using _one = await startOurEngine(site, model);
      await using _two = await startOurEngine(site, model);
      const fresh = await asker.untilTwoAreChosen(gone);
      const answer = await asker.ask(known.prompt);
      assert.ok(fresh.has(answer.worker) && answer.expectedBlocks === 0, answer.raw);
      await asker.untilKnown("bread");
    },
  },
  {
    name: "a router of theirs begins with the state that a router of ours has saved",
    run: (site) =>
      inherits(
        site,
        "ours-save",
        (place) => startOurFrontend(place, ["--router-mode", "kv", "--router-snapshot-threshold", THRESHOLD]),
        (place) => startTheirFrontend(place, ["kv"]),
      ),
  },
  {
    name: "a router of ours begins with the state that a router of theirs has saved",
    run: (site) =>
      inherits(
        site,
        "theirs-save",
        (place) => startTheirFrontend(place, ["kv", THRESHOLD]),
        (place) => startOurFrontend(place, ["--router-mode", "kv"]),
      ),
  },
];

export const cells = inSection(
  "Routers of KV events in JetStream",
  cellsOfRouters.map((cell) => ({
    ...cell,
    run: (site) => {
      const lack = lackOfKvEvents(site.release);
      return lack === undefined ? cell.run(site) : Promise.resolve(cannot(lack));
    },
    on: (release, plane) => !isSince(release, "1.3") && plane === "tcp",
  })),
);

type Start = (site: Site) => Promise<ChatFrontend>;

async function startsAnew(
  place: Site,
  model: string,
  twoWorkers: (site: Site, model: string) => Promise<AsyncDisposable>,
  start: Start,
): Promise<undefined> {
  const { site } = await place.use(kvSite);
  await using news = await KvNews.of(site);
  await using _workers = await twoWorkers(site, model);
  const before = await start(site);
  const known = await learn(new KvAsker(before, model, news));
  await before.process.kill();
  await using after = await start(site);
  await knowsAll(new KvAsker(after, model, news), known);
}

/** One router saves what it knows, and the stream is emptied; the other one has it from nowhere else. */
async function inherits(
  place: Site,
  model: string,
  saves: Start,
  begins: Start,
): Promise<Cannot | undefined> {
  if (place.isSince("0.8")) {
    return cannot(
      "Later releases save more of each block than 0.7, whose state our routers read and write, and give this way up.",
    );
  }
  const { site } = await place.use(kvSite);
  await using news = await KvNews.of(site);
  await using _workers = await startTwoTheirMockers(site, model);
  await using saving = await saves(site);
  const known = await learn(new KvAsker(saving, model, news));
  const isSaved = async (): Promise<boolean> => (await news.storedEvents(model)) <= Number(THRESHOLD);
  await until("the router has saved its state", isSaved);
  await using beginning = await begins(site);
  await knowsAll(new KvAsker(beginning, model, news), known);
  return undefined;
}

async function learn(asker: KvAsker): Promise<readonly KvAnswer[]> {
  await asker.untilTwoAreChosen();
  const known: KvAnswer[] = [];
  for (const topic of TOPICS) known.push(await asker.untilKnown(topic));
  return known;
}

/**
 * Each prompt is asked once, as whoever asks tells the router. When it knows what stands behind them in the stream, it
 * has read all of them.
 */
async function knowsAll(asker: KvAsker, known: readonly KvAnswer[]): Promise<void> {
  await asker.untilTwoAreChosen();
  await asker.untilKnown("stars");
  for (const { prompt, worker } of known) {
    const answer = await asker.ask(prompt);
    assert.equal(answer.worker, worker, answer.raw);
    assert.equal(answer.expectedBlocks, fullBlocksOf(answer), answer.raw);
  }
}
