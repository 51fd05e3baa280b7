/**
 * A deployment changes over while it is asked: one process at a time, theirs for ours and ours for theirs.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { cannot, inSection } from "../cell.ts";
import type { Child } from "../child.ts";
import { ourFrontend, startOurChatWorker, startTheirEcho, theirFrontend } from "../roles/chat.ts";
import type { ChatFrontend } from "../roles/chat.ts";
import type { Site } from "../site.ts";
import { chat } from "../support/chat.ts";
import { Load } from "../support/load.ts";
import { within } from "../waiting.ts";

const MODEL = "moving";
/** About as long for a word as their worker takes for its letters. */
const PACE = ["--itl-ms", "50"];
/** Chats that show that a change did no harm. */
const SOME = 12;

export const cells = inSection("A live deployment changes over", [
  {
    name: "frontend and workers, theirs for ours and back, one process at a time, ours with chats under way: no chat is lost",
    timeoutMs: 300_000,
    run: async (place) => {
      await using site = place.apart(MODEL);
      await using processes = new AsyncDisposableStack();
      const deployment = await Deployment.ofTheirs(site, processes);
      await deployment.exchangeFrontend(ourFrontend);
      await deployment.exchangeWorkers(startOurs, "ours");
      await deployment.exchangeFrontend(theirFrontend);
      const isSure = seesLaterWorkers(site);
      if (!isSure) await deployment.exchangeFrontend(ourFrontend);
      await deployment.exchangeWorkers(startTheirEcho, "theirs");
      if (!isSure) await deployment.exchangeFrontend(theirFrontend);
      await deployment.load.end();
      if (!isSure) {
        return cannot(
          "A frontend of 0.8 may miss a worker that starts later. One of ours stood in for it, and no chat was lost.",
        );
      }
      if (drains(site)) return undefined;
      await assertDrops(site, deployment.frontend);
      return cannot(
        "A worker of 0.7 drops its streams at SIGTERM. Ended between two chats it was exchanged without a loss.",
      );
    },
  },
]);

/**
 * Whether a frontend of the release is sure to ask a worker of its own release that starts after it. Of 0.8 it may
 * read the files of such a worker while they are empty; it says so in its log, and asks it never.
 */
function seesLaterWorkers({ release }: Site): boolean {
  return release !== "0.8.1";
}

/** Whether a worker of the release finishes what runs when it is told to end. */
function drains(site: Site): boolean {
  return site.isSince("0.8");
}

/** A release that can do it by now has no need of another way. */
async function assertDrops(site: Site, frontend: ChatFrontend): Promise<void> {
  const model = "dropped";
  await using worker = await startTheirEcho(site, model);
  await frontend.waitFor(model);
  const answer = chat(frontend, { model, text: "x".repeat(200), stream: true });
  await sleep(500);
  await leaves(worker);
  const { hasError, raw } = await answer;
  assert.ok(hasError, `a worker of this release has finished its stream: ${raw}`);
}

async function startOurs(site: Site, model: string): Promise<Child> {
  return (await startOurChatWorker(site, model, PACE)).process;
}

/** Two workers, and a frontend that is asked all the time. */
class Deployment {
  readonly load: Load;
  /** The one in use. */
  frontend: ChatFrontend;
  readonly #site: Site;
  readonly #processes: AsyncDisposableStack;
  #workers: readonly Child[];

  private constructor(
    site: Site,
    processes: AsyncDisposableStack,
    frontend: ChatFrontend,
    workers: readonly Child[],
  ) {
    this.#site = site;
    this.#processes = processes;
    this.frontend = frontend;
    this.#workers = workers;
    this.load = new Load(MODEL, frontend);
    processes.defer(() => this.load.end().then(ignore, ignore));
  }

  static async ofTheirs(site: Site, processes: AsyncDisposableStack): Promise<Deployment> {
    const first = processes.use(await startTheirEcho(site, MODEL));
    const second = processes.use(await startTheirEcho(site, MODEL));
    const frontend = processes.use(await theirFrontend(site));
    await frontend.waitFor(MODEL);
    const deployment = new Deployment(site, processes, frontend, [first, second]);
    await deployment.load.answers(SOME, "theirs");
    return deployment;
  }

  /** The load moves to the new one when it is ready. */
  async exchangeFrontend(start: (site: Site) => Promise<ChatFrontend>): Promise<void> {
    const old = this.frontend;
    this.frontend = this.#processes.use(await start(this.#site));
    await this.frontend.waitFor(MODEL);
    await this.load.moveTo(this.frontend);
    await leaves(old.process);
    await this.load.answers(SOME);
  }

  /**
   * Each one leaves when another one is in use. Ours do with chats under way, but none that begins: a frontend of theirs
   * drops the requests to a worker that has left before it began to answer ("discovery-driven cleanup" in its log).
   * Theirs do between two chats: they may end before the last frame of a stream is sent, which 1.2.1 did at one of 40 ends.
   */
  async exchangeWorkers(start: typeof startTheirEcho, whose: "ours" | "theirs"): Promise<void> {
    const workers: Child[] = [];
    for (const old of this.#workers) {
      workers.push(this.#processes.use(await start(this.#site, MODEL)));
      await this.load.answers(SOME / 4, whose);
      if (whose === "ours") await this.load.rest(() => leavesUnseen(old));
      else await this.load.hold(() => leavesUnseen(old));
      await this.load.answers(SOME);
    }
    this.#workers = workers;
    await this.load.answers(SOME, whose);
  }
}

/** It is told to end, and does when nothing runs there any more. */
async function leaves(child: Child): Promise<void> {
  await child.kill("SIGTERM");
  await within(`the end of ${child.name}`, child.ended, 30_000);
}

/** The same, and time for frontends to hear of it. */
async function leavesUnseen(child: Child): Promise<void> {
  await leaves(child);
  await sleep(1_000);
}

function ignore(): void {
  // What went wrong with the load was told where it was waited for.
}
