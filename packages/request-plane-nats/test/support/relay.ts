/** Two NATS servers and all that is published on one of them passed on to the other, with what a test does to it. */
import { connect } from "@nats-io/transport-node";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import type { NatsServer } from "@dynamo/nats-server";
import { onTestFinished } from "vitest";
import { natsServer } from "@dynamo/nats-server/vitest";

export interface Passing {
  readonly from: "caller" | "worker";
  /** A message of a link; requests, replies and the rest are not. */
  readonly isLink: boolean;
  readonly data: Buffer;
}

/** What becomes of a message: it is passed on, or these are instead. `hold` passes it on behind the next one. */
export type Damage = (message: Passing) => readonly Uint8Array[] | "pass" | "hold";

export class Relay {
  readonly caller: NatsServer;
  readonly worker: NatsServer;
  damage: Damage = () => "pass";
  #held: (() => void) | undefined;

  private constructor(caller: NatsServer, worker: NatsServer) {
    this.caller = caller;
    this.worker = worker;
  }

  static async start(): Promise<Relay> {
    const relay = new Relay(await natsServer(), await natsServer());
    const [caller, worker] = [await attach(relay.caller), await attach(relay.worker)];
    relay.#pass("caller", caller, worker);
    relay.#pass("worker", worker, caller);
    await Promise.all([caller.flush(), worker.flush()]);
    return relay;
  }

  #pass(from: Passing["from"], source: NatsConnection, target: NatsConnection): void {
    source.subscribe(">", {
      callback: (_error, message) => {
        const isLink = /\.L[^.]*$/.test(message.subject);
        const send = (data: Uint8Array): void => forward(target, message, data);
        const fate = this.damage({ from, isLink, data: Buffer.from(message.data) });
        if (fate === "hold") {
          this.#held = () => send(message.data);
          return;
        }
        for (const data of fate === "pass" ? [message.data] : fate) send(data);
        this.#held?.();
        this.#held = undefined;
      },
    });
  }
}

function forward(target: NatsConnection, { subject, reply, headers }: Msg, data: Uint8Array): void {
  target.publish(subject, data, { ...(reply && { reply }), ...(headers && { headers }) });
}

async function attach(server: NatsServer): Promise<NatsConnection> {
  const connection = await connect({ servers: `127.0.0.1:${server.port}`, noEcho: true });
  onTestFinished(() => connection.close());
  return connection;
}
