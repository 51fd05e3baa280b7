import type { Environment, NetworkManager, Transport } from "@dynamo/request-plane-core";
import { TransportWorld } from "@dynamo/test-world";
import type { WorldSetup } from "@dynamo/test-world";
import { http } from "../../src/index.ts";
import type { HttpOptions } from "../../src/index.ts";

export interface ManagerSetup extends WorldSetup {
  readonly http?: HttpOptions;
}

/** With ports that the system picks. */
export class World extends TransportWorld<ManagerSetup> {
  protected override transport(setup: ManagerSetup, environment: Environment): Transport {
    return http({ host: "127.0.0.1", port: 0, environment, ...setup.http });
  }
}

export function connectionsOf(manager: NetworkManager): number {
  return manager.health().planes["http"]!.connections;
}
