import { connect, PermissionViolationError } from "@nats-io/transport-node";
import type { NatsConnection, NodeConnectionOptions, QueuedIterator, Status } from "@nats-io/transport-node";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Logger } from "@dynamo/request-plane-core";
import { connectError, describe, disconnected } from "./broker-errors.ts";
import { accessOf } from "./connection-options.ts";
import type { Access, ServerSettings } from "./connection-options.ts";
import { OwnedSockets } from "./owned-sockets.ts";
import { ReconnectDelay } from "./reconnect-delay.ts";
import { within } from "./within.ts";

export interface BrokerOptions extends ServerSettings {
  /** A connection of the user's, which is used and not closed. */
  readonly connection: NatsConnection | undefined;
  readonly connectTimeoutMs: number;
  readonly pingIntervalMs: number;
}

export interface BrokerEvents {
  readonly onLost: (error: RequestPlaneError) => void;
  /** The server's permissions don't allow what was sent. Gives true when no warning is needed. */
  readonly onForbidden: (violation: PermissionViolationError) => boolean;
  /** The connection stands again. */
  readonly onRestored?: (() => void) | undefined;
}

/** A server that doesn't answer this many pings is given up. */
const MAX_PINGS_OUT = 2;

/**
 * One connection to NATS, made when it is first asked for. Once it stands it is made again for ever, and what is
 * subscribed comes back with it. While it is down nothing is taken, so nothing piles up.
 */
export class Broker {
  readonly #options: BrokerOptions;
  readonly #logger: Logger;
  readonly #events: BrokerEvents;
  #sockets = new OwnedSockets();
  readonly #delay = new ReconnectDelay();
  #connecting: Promise<NatsConnection> | undefined;
  #connection: NatsConnection | undefined;
  #statuses: QueuedIterator<Status> | undefined;
  #isUp = false;
  #closed = false;
  #shown = "the given connection";
  #lastProblem = "";

  constructor(options: BrokerOptions, logger: Logger, events: BrokerEvents) {
    this.#options = options;
    this.#logger = logger;
    this.#events = events;
  }

  /** The connection, when it is usable now. */
  get current(): NatsConnection | undefined {
    // The client forgets the server's info when it begins to connect again, a moment before it says so.
    return this.#isUp && this.#connection?.info ? this.#connection : undefined;
  }

  /** The servers, for messages. */
  get shown(): string {
    return this.#shown;
  }

  /**
   * Connects when that was not done yet. Rejects with `cannot_connect` (at once while the connection is down),
   * `deadline_exceeded`, `unauthenticated`, `invalid_configuration` or `closed`; the next call tries again.
   */
  async connect(): Promise<NatsConnection> {
    if (this.#closed) throw new RequestPlaneError("closed", "The NATS transport is closed");
    if (this.current) return this.current;
    if (this.#connection) throw disconnected("cannot_connect", this.#shown);
    this.#connecting ??= this.#open().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  /** Ends what was opened, at once. A connection of the user's stays. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#isUp = false;
    this.#statuses?.stop();
    if (!this.#options.connection) await this.#connection?.close();
    this.#sockets.end();
    await this.#connecting?.catch(() => undefined);
  }

  async #open(): Promise<NatsConnection> {
    const { connection: given } = this.#options;
    const connection = given ? await this.#check(given) : await this.#dial();
    if (this.#closed) {
      if (!given) await connection.close();
      throw new RequestPlaneError("closed", "The NATS transport is closed");
    }
    this.#connection = connection;
    this.#isUp = true;
    this.#lastProblem = "";
    // The declared type hides that the iterator can be stopped.
    this.#statuses = connection.status() as QueuedIterator<Status> & AsyncIterable<Status>;
    void this.#watch(this.#statuses);
    return connection;
  }

  async #dial(): Promise<NatsConnection> {
    const access = accessOf(this.#options);
    this.#shown = access.shown;
    const { connectTimeoutMs } = this.#options;
    const sockets = new OwnedSockets();
    this.#sockets = sockets;
    const began = performance.now();
    // The client's own bound is one for each address of each server.
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      sockets.end();
    }, connectTimeoutMs);
    try {
      const connection = await sockets.run(() => connect(this.#clientOptions(access)));
      this.#delay.begin();
      // The client drops servers that it couldn't reach at first.
      const found = connection.getServers().map(({ listen }) => listen);
      connection.setServers([...new Set([...access.servers, ...found])]);
      return connection;
    } catch (error) {
      sockets.end();
      // A timer may fire a fraction of a millisecond before the clock says so.
      const isLate = timedOut || performance.now() - began >= connectTimeoutMs;
      throw connectError(error, access, isLate ? connectTimeoutMs : undefined);
    } finally {
      clearTimeout(timer);
    }
  }

  #clientOptions({ servers, options }: Access): NodeConnectionOptions {
    return {
      ...options,
      servers: [...servers],
      name: "dynamo-request-plane",
      timeout: this.#options.connectTimeoutMs,
      pingInterval: this.#options.pingIntervalMs,
      maxPingOut: MAX_PINGS_OUT,
      maxReconnectAttempts: -1,
      ignoreAuthErrorAbort: true,
      noAsyncTraces: true,
      // The wait between attempts is this delay alone.
      reconnectDelayHandler: () => 0,
      reconnectToServer: ([server]) => (server ? { server, delay: this.#delay.next() } : null),
    };
  }

  /** Rejects with `cannot_connect` when the user's connection doesn't stand. */
  async #check(given: NatsConnection): Promise<NatsConnection> {
    try {
      await within(this.#options.connectTimeoutMs, given.rtt());
      return given;
    } catch (cause) {
      const message = `The given NATS connection is not usable: ${describe(cause)}`;
      throw new RequestPlaneError("cannot_connect", message, { cause });
    }
  }

  async #watch(statuses: QueuedIterator<Status>): Promise<void> {
    for await (const status of statuses) this.#onStatus(status);
    if (this.#closed) return;
    this.#down("closed");
    this.#connection = undefined;
  }

  #onStatus(status: Status): void {
    switch (status.type) {
      case "disconnect":
        this.#down("disconnected");
        break;
      case "reconnect":
        this.#isUp = true;
        this.#delay.begin();
        this.#lastProblem = "";
        this.#logger.info({ server: status.server }, "Connected to NATS again");
        this.#events.onRestored?.();
        break;
      case "staleConnection":
        // The client would wait until a frozen server has read what was sent.
        if (this.#isUp) this.#sockets.destroyAll();
        break;
      case "error":
        this.#onServerError(status.error);
        break;
      default:
    }
  }

  #down(how: string): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#logger.warn({ server: this.#shown }, `The connection to NATS is ${how}`);
    this.#events.onLost(disconnected("disconnected", this.#shown, this.#lastProblem));
  }

  #onServerError(error: Error): void {
    if (error instanceof PermissionViolationError && this.#events.onForbidden(error)) return;
    const problem = describe(error);
    if (problem === this.#lastProblem) return;
    this.#lastProblem = problem;
    this.#logger.warn({ server: this.#shown, problem }, `NATS: ${problem}`);
  }
}
