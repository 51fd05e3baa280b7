/**
 * Our OpenAI frontend, their echo worker.
 */
import assert from "node:assert/strict";
import { inSection } from "../cell.ts";
import { ourFrontend, startTheirEcho, startTwoOfOurs, THEIR_MODEL, theirEcho } from "../roles/chat.ts";
import type { ChatFrontend } from "../roles/chat.ts";
import type { Site } from "../site.ts";
import { chat } from "../support/chat.ts";
import { until } from "../waiting.ts";

const QUESTION = "one two three";

export const cells = inSection("Our frontend, their echo worker", [
  {
    name: "lists their worker's model",
    run: async (site) => {
      assert.ok((await (await scene(site)).models()).includes(THEIR_MODEL));
    },
  },
  {
    name: "streams their worker's answer",
    run: async (site) => {
      const asked = { model: THEIR_MODEL, text: QUESTION, stream: true };
      const { status, text, isDone, hasError, tokens, raw } = await chat(await scene(site), asked);
      assert.deepEqual(
        { status, text, isDone, hasError },
        { status: 200, text: QUESTION, isDone: true, hasError: false },
        raw,
      );
      assert.ok(tokens > 1, raw);
    },
  },
  {
    name: "makes one answer of their worker's chunks",
    run: async (site) => {
      const { status, text, raw } = await chat(await scene(site), { model: THEIR_MODEL, text: QUESTION });
      assert.deepEqual({ status, text }, { status: 200, text: QUESTION }, raw);
    },
  },
  {
    name: "takes two workers of ours and one of theirs in turn behind one model",
    run: async (site) => {
      const frontend = await site.use(ourFrontend);
      await using _ours = await startTwoOfOurs(site, "both");
      await using _theirs = await startTheirEcho(site, "both");
      await frontend.waitFor("both");
      const seen = new Set<string>();
      await until("both kinds have answered", async () => {
        const { status, text, raw } = await chat(frontend, { model: "both", text: "theirs" });
        assert.equal(status, 200, raw);
        seen.add(text.trim());
        return seen.has("ours") && seen.has("theirs");
      });
    },
  },
]);

async function scene(site: Site): Promise<ChatFrontend> {
  await site.use(theirEcho);
  const frontend = await site.use(ourFrontend);
  await frontend.waitFor(THEIR_MODEL);
  return frontend;
}
