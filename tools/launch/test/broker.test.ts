import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { freePort } from "@dynamo/test-support/free-port";
import { findBroker } from "../src/broker.ts";

const nowhere = { find: () => Promise.resolve(undefined), named: "" };

/** A server that says this to everyone who comes. */
async function saying(words: string): Promise<string> {
  const server = createServer((socket) => socket.on("error", () => undefined).end(words));
  server.listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return `nats://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it("is the server that NATS_SERVER names, whose password is not shown", async () => {
  const usual = await saying("INFO {}\r\n");
  const named = "nats://me:secret@example.com:4222";
  expect(await findBroker({ ...nowhere, usual, named })).toEqual({
    shown: "the server of NATS_SERVER",
    environment: { NATS_SERVER: named },
  });
});

it("is the one at the usual place when one answers there", async () => {
  const usual = await saying("INFO {}\r\n");
  expect(await findBroker({ ...nowhere, usual })).toEqual({
    shown: usual,
    environment: { NATS_SERVER: usual },
  });
});

it.each(["SSH-2.0-OpenSSH_9.9\r\n", ""])("is not what says '%s'", async (words) => {
  await expect(findBroker({ ...nowhere, usual: await saying(words) })).rejects.toThrow(
    "no NATS server answers",
  );
});

it("says in one line how to get one when there is none", async () => {
  const usual = `nats://127.0.0.1:${await freePort()}`;
  const failure = await findBroker({ ...nowhere, usual }).catch((error: unknown) => String(error));
  expect(failure).toBe(
    `Error: --nats: no NATS server answers at ${usual}, and there is no nats-server to start. Install it ` +
      "(apt-get install nats-server, brew install nats-server), or set NATS_SERVER to where one runs.",
  );
});
