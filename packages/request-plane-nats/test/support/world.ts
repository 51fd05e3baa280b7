import type { NatsServer } from "@dynamo/nats-server";
import type { Environment, Transport } from "@dynamo/request-plane-core";
import { TransportWorld } from "@dynamo/test-world";
import type { WorldSetup } from "@dynamo/test-world";
import { nats } from "../../src/index.ts";
import type { NatsOptions } from "../../src/index.ts";

export interface ManagerSetup extends WorldSetup {
  readonly nats?: NatsOptions;
}

/** On one NATS server. */
export class World extends TransportWorld<ManagerSetup> {
  readonly #server: NatsServer;

  constructor(server: NatsServer) {
    super();
    this.#server = server;
  }

  protected override transport(setup: ManagerSetup, environment: Environment): Transport {
    return nats({ servers: this.#server.url, environment, ...setup.nats });
  }
}
