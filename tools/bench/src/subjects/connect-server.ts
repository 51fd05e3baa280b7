import { once } from "node:events";
import { createServer } from "node:http2";
import type { ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { runServer } from "../program.ts";
import { itemAt } from "../workload.ts";
import { SESSION_MEGABYTES, Worker } from "./connect-service.ts";

runServer(async () => {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer(
    { maxSessionMemory: SESSION_MEGABYTES },
    connectNodeAdapter({
      routes: (router) =>
        router.service(Worker, {
          unary: () => itemAt(0),
          async *stream({ items, hold }, { signal }) {
            for (let index = 0; index < items; index++) yield itemAt(index);
            if (hold && !signal.aborted) await once(signal, "abort");
          },
        }),
    }),
  );
  server.on("session", (session) => sessions.add(session));
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    address: String((server.address() as AddressInfo).port),
    async close() {
      server.close();
      for (const session of sessions) session.destroy();
    },
  };
});
