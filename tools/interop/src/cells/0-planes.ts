/**
 * Which planes a release has at all.
 */
import assert from "node:assert/strict";
import { cannot, inSection } from "../cell.ts";
import { lackOf } from "../releases.ts";
import { theirCaller } from "../roles/their-caller.ts";

export const cells = inSection("Planes", [
  {
    name: "a process of Dynamo starts on the plane",
    on: () => true,
    run: async (site) => {
      const lack = lackOf(site.release, site.plane);
      const started = site.use(theirCaller);
      if (!lack) return started.then(() => undefined);
      await assert.rejects(started, lack.says);
      return cannot(lack.why);
    },
  },
]);
