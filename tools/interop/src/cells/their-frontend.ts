/**
 * Their OpenAI frontend, our mock worker.
 */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { inSection } from "../cell.ts";
import type { Cell } from "../cell.ts";
import {
  OUR_MODEL,
  ourChatWorker,
  startOurChatWorker,
  startTheirEcho,
  startTwoOfOurs,
  theirFrontend,
} from "../roles/chat.ts";
import type { ChatFrontend } from "../roles/chat.ts";
import type { Site } from "../site.ts";
import { ask, chat } from "../support/chat.ts";
import { until, within } from "../waiting.ts";

const QUESTION = "one two three four five six";

const answers: readonly Omit<Cell, "section">[] = [
  {
    name: "lists our worker's model",
    run: async (site) => {
      assert.ok((await (await scene(site)).models()).includes(OUR_MODEL));
    },
  },
  {
    name: "streams our worker's tokens one by one, and usage when asked",
    run: async (site) => {
      const frontend = await scene(site);
      const asked = { model: OUR_MODEL, text: QUESTION, stream: true, usage: true };
      const { status, text, tokens, isDone, hasError, usage, raw } = await chat(frontend, asked);
      assert.deepEqual({ status, text, tokens, isDone, hasError }, WHOLE, raw);
      assert.equal(usage?.completion_tokens, 6, raw);
    },
  },
  {
    name: "makes one answer of our worker's tokens",
    run: async (site) => {
      const frontend = await scene(site);
      const { status, text, usage, raw } = await chat(frontend, { model: OUR_MODEL, text: QUESTION });
      assert.deepEqual({ status, text }, { status: 200, text: QUESTION }, raw);
      assert.equal(usage?.completion_tokens, 6, raw);
    },
  },
  {
    name: "answers with a status when our worker fails before its first token",
    run: async (site) => {
      const frontend = await scene(site);
      const { status, raw } = await chat(frontend, {
        model: OUR_MODEL,
        text: QUESTION,
        fault: "fail_after:0",
      });
      assert.equal(status, 500, raw);
    },
  },
  {
    name: "tells a client that our worker failed in the middle, after all that came before",
    run: async (site) => {
      const frontend = await scene(site);
      const asked = { model: OUR_MODEL, text: QUESTION, stream: true, fault: "fail_after:3" };
      const { tokens, hasError, raw } = await chat(frontend, asked);
      assert.deepEqual({ tokens, hasError }, { tokens: 3, hasError: true }, raw);
    },
  },
];

const leaving: readonly Omit<Cell, "section">[] = [
  {
    name: "kills the request at our worker when its client leaves",
    run: async (site) => {
      const frontend = await site.use(theirFrontend);
      await using worker = await startOurChatWorker(site, "left", ["--drain-timeout", "60"]);
      await frontend.waitFor("left");
      const client = new AbortController();
      const { signal } = client;
      const asked = { model: "left", text: QUESTION, stream: true, fault: "stall_after:3", signal };
      const { body } = await ask(frontend, asked);
      await body?.getReader().read();
      client.abort();
      // With the request still running, it would wait for the drain timeout.
      await worker.process.kill("SIGTERM");
      await within("the end of our worker", worker.process.ended, 30_000);
    },
  },
  {
    name: "tells a client that our worker was killed, and never that the answer was whole",
    run: async (site) => {
      const frontend = await site.use(theirFrontend);
      await using _ = await startOurChatWorker(site, "doomed");
      await frontend.waitFor("doomed");
      const asked = { model: "doomed", text: QUESTION, stream: true, fault: "die_after:3" };
      const { tokens, hasError, raw } = await chat(frontend, asked);
      assert.deepEqual({ tokens, hasError }, { tokens: 3, hasError: true }, raw);
    },
  },
  {
    name: "takes two workers of ours and one of theirs in turn behind one model",
    run: async (place) => {
      await using site = place.apart("mixed");
      await using _ours = await startTwoOfOurs(site, "mixed");
      await using _theirs = await startTheirEcho(site, "mixed");
      // One of 0.8 may read the files of a worker that starts later while they are empty, and never ask it.
      await using frontend = await theirFrontend(site);
      await frontend.waitFor("mixed");
      await takesAll(frontend, ["ours", "ours", "theirs"]);
    },
  },
];

export const cells = inSection("Their frontend, our mock worker", [...answers, ...leaving]);

const WHOLE = { status: 200, text: QUESTION, tokens: 6, isDone: true, hasError: false };

async function scene(site: Site): Promise<ChatFrontend> {
  await site.use(ourChatWorker);
  const frontend = await site.use(theirFrontend);
  await frontend.waitFor(OUR_MODEL);
  return frontend;
}

/** Once it knows all workers, three times as many requests go to each of them three times. */
async function takesAll(frontend: ChatFrontend, workers: readonly string[]): Promise<void> {
  const expected = workers.flatMap((answer) => [answer, answer, answer]).sort();
  await until(`${expected.join(", ")} are asked in turn`, async () => {
    const found: string[] = [];
    for (const _ of expected) {
      const { status, text, raw } = await chat(frontend, { model: "mixed", text: "theirs" });
      assert.equal(status, 200, raw);
      found.push(text.trim());
    }
    return isDeepStrictEqual(found.sort(), expected);
  });
}
