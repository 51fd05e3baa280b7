/**
 * The yardstick of the NATS plane: request and reply of the NATS client, with an envelope that is answered like
 * those of the bare call-home program.
 */
import { connect } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import type { NodeSubject } from "../subject.ts";
import { callHomeClient } from "./call-home-client.ts";

/** Needed by the client's API; nothing here should take as long. */
const REQUEST_TIMEOUT_MS = 30_000;

export const bareNats: NodeSubject = {
  name: "bare-nats",
  what: "bare @nats-io/transport-node, an empty reply, and the answer as in call-home",
  serverProgram: new URL("bare-nats-server.ts", import.meta.url),
  needs: "nats",

  async connect(subject) {
    const nats = await connectNats();
    return await callHomeClient({
      async send(envelope) {
        await nats.request(subject, envelope, { timeout: REQUEST_TIMEOUT_MS });
      },
      close: () => nats.close(),
    });
  },
};

/** Without a stack trace for each request, which costs more than the request. */
export function connectNats(): Promise<NatsConnection> {
  const { host } = new URL(process.env["NATS_SERVER"] ?? "");
  return connect({ servers: host, noAsyncTraces: true });
}
