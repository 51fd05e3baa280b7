import { AsyncResource } from "node:async_hooks";
import { createInbox } from "@nats-io/transport-node";
import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import { within } from "../within.ts";
import { tokenOf } from "./frames.ts";

export interface InboxEvents {
  readonly onMessage: (token: string, message: Msg) => void;
  /** The server took the subscription away. */
  readonly onDenied: (error: Error) => void;
}

const PROBE = "probe";
/** How long the server may take to answer that it has read what was sent. */
const FLUSH_MS = 5_000;

/** One subscription for all that comes to a process in-band, and whether permissions let that through. */
export class ProbedInbox {
  readonly connection: NatsConnection;
  readonly prefix: string = createInbox();
  readonly #subscription: Subscription;
  #isEchoed = false;

  private constructor(connection: NatsConnection, { onMessage, onDenied }: InboxEvents) {
    this.connection = connection;
    // What follows runs where the plane is used, not in the context of the connection and its sockets.
    const callback = AsyncResource.bind((error: Error | null, message: Msg): void => {
      if (error) {
        if (this.#isEchoed) onDenied(error);
        return;
      }
      const token = tokenOf(message.subject);
      if (token === PROBE) this.#isEchoed = true;
      else onMessage(token, message);
    });
    this.#subscription = connection.subscribe(`${this.prefix}.*`, { callback });
  }

  /**
   * Subscribes, and tries whether what is published to such a subject arrives: the other side has to have the same
   * permissions. Gives `undefined` where they deny it. Rejects when the server doesn't answer.
   */
  static async open(connection: NatsConnection, events: InboxEvents): Promise<ProbedInbox | undefined> {
    const inbox = new ProbedInbox(connection, events);
    try {
      connection.publish(`${inbox.prefix}.${PROBE}`);
      // What was published before a ping comes before its answer.
      await within(FLUSH_MS, connection.flush());
    } catch (error) {
      inbox.close();
      throw error;
    }
    if (inbox.#isEchoed) return inbox;
    inbox.close();
    return undefined;
  }

  /** Resolves when the server sends no more, and all that came before has been heard. */
  async drain(): Promise<void> {
    if (!this.#subscription.isClosed()) await this.#subscription.drain();
  }

  close(): void {
    if (!this.#subscription.isClosed()) this.#subscription.unsubscribe();
  }
}
