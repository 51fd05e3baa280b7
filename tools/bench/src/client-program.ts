/**
 * The process of one subject's client: `client-program.ts <subject> <address>`.
 */
import { runLoad } from "./load.ts";
import { obey } from "./program.ts";
import { SUBJECTS } from "./subjects.ts";
import { CASES } from "./workload.ts";

const [name, address = ""] = process.argv.slice(2);

obey(async () => {
  const client = await byName(SUBJECTS, name).connect(address);
  return {
    ready: { type: "ready" },
    run: async (message) => ({
      type: "done",
      sample: await runLoad(client, byName(CASES, message.case), message.limit),
    }),
    close: () => client.close(),
  };
});

function byName<T extends { readonly name: string }>(all: readonly T[], wanted: string | undefined): T {
  const found = all.find((one) => one.name === wanted);
  if (!found) throw new Error(`Nothing is called '${String(wanted)}'`);
  return found;
}
