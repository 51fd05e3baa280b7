/**
 * The process of one subject's client: `client-program.ts <subject> <address>`.
 */
import { HeldStreams } from "./held-streams.ts";
import { runLoad } from "./load.ts";
import { obey } from "./program.ts";
import { FRONTENDS, PLANES } from "./subjects.ts";

const [name, address = ""] = process.argv.slice(2);

obey(async () => {
  const subject = [...PLANES.subjects, ...FRONTENDS.subjects].find((one) => one.name === name);
  if (!subject || !("connect" in subject)) throw new Error(`No client is called '${String(name)}'`);
  const client = await subject.connect(address);
  const held = new HeldStreams(client);
  return {
    ready: { type: "ready" },
    run: async ({ benchCase, limit }) => ({
      type: "done",
      sample: await runLoad(client, benchCase, limit),
    }),
    hold: async ({ streams }) => ({ type: "done", sample: await held.becomes(streams) }),
    close: () => client.close(),
  };
});
