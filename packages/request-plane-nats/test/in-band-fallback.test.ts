/** Where responses can't come over NATS, they come on connections to the caller; who allows nothing else hears why. */
import { connect } from "@nats-io/transport-node";
import { collect, failureOf, settled } from "@dynamo/test-world";
import { describeWithNats, natsServer } from "@dynamo/nats-server/vitest";
import { expect, it, onTestFinished } from "vitest";
import { World } from "./support/world.ts";
import type { ManagerSetup } from "./support/world.ts";

type Nats = NonNullable<ManagerSetup["nats"]>;

const AS_WORKER: Nats = { username: "worker", password: "w" };
const AS_CALLER: Nats = { username: "caller", password: "c" };

async function expectFallback(world: World, worker: Nats, caller: Nats): Promise<void> {
  const serving = await world.worker(() => [1], { nats: worker });
  expect(serving.served.instance["response_transports"]).toEqual(["nats_inband"]);
  const auto = await world.client({ nats: caller });
  for (let n = 0; n < 3; n += 1) expect(await collect(auto.client.random({}))).toEqual([1]);
  const strict = await world.client({ nats: caller, settings: { responseMode: "inband" } });
  expect(await failureOf(strict.client.random({}))).toMatchObject({ code: "cannot_connect" });
  await settled(auto.manager, strict.manager, serving.manager);
}

describeWithNats("responses don't come over NATS", () => {
  it.each([
    ["a worker that may only reply", 'publish: ["$SRV.>"], allow_responses: { max: 5 }', ""],
    ["a caller that may only send requests", "", 'publish: ["test_backend.>"]'],
  ])("with permissions of %s", async (_name, worker, caller) => {
    const users = `authorization { timeout: 30, users: [
      { user: worker, password: w, permissions: { ${worker} } },
      { user: caller, password: c, permissions: { ${caller} } } ] }`;
    await using world = new World(await natsServer({ lines: [users] }));
    await expectFallback(world, AS_WORKER, AS_CALLER);
  });

  it.each(["worker", "caller"])("on a connection without echo, of the %s", async (side) => {
    const server = await natsServer();
    const connection = await connect({ servers: `127.0.0.1:${server.port}`, noEcho: true });
    onTestFinished(() => connection.close());
    await using world = new World(server);
    await expectFallback(
      world,
      side === "worker" ? { connection } : {},
      side === "caller" ? { connection } : {},
    );
  });

  it("from one account to another that imports the endpoint: its server renames the replies", async () => {
    const accounts = `accounts {
      W { users: [ { user: worker, password: w } ], exports: [ { service: "test_backend.>" } ] }
      C { users: [ { user: caller, password: c } ], imports: [ { service: { account: W, subject: "test_backend.>" } } ] }
    }`;
    await using world = new World(await natsServer({ lines: [accounts] }));
    await expectFallback(world, AS_WORKER, AS_CALLER);
  });
});
