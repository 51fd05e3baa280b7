import { settled } from "@dynamo/test-world";
import { describeWithNats, natsServer } from "@dynamo/nats-server/vitest";
import { expect, it } from "vitest";
import { World } from "./support/world.ts";

const TIMES = 50;

describeWithNats("callers that close when their worker begins to answer", () => {
  it("leave nothing running at the worker, although they don't know yet who answers", async () => {
    const nats = await natsServer();
    await using world = new World(nats);
    let begin: () => void = () => undefined;
    const worker = await world.worker(async function* (_: unknown, { signal }) {
      begin();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      yield* [];
    });
    for (let time = 0; time < TIMES; time++) {
      const begun = new Promise<void>((resolve) => (begin = resolve));
      const { manager, client } = await world.client();
      const outcome = client.direct("", worker.id);
      const refused = expect(outcome).rejects.toMatchObject({ code: "closed" });
      await begun;
      await manager.close();
      await refused;
      await settled(worker.manager);
    }
  });
});
