import type { Environment, NetworkManager, Transport } from "@dynamo/request-plane-core";
import { TransportWorld } from "@dynamo/test-world";
import type { WorldSetup } from "@dynamo/test-world";
import { tcp } from "../../src/index.ts";
import type { TcpOptions } from "../../src/index.ts";

export interface ManagerSetup extends WorldSetup {
  readonly tcp?: TcpOptions;
}

/** With ports that the system picks. */
export class World extends TransportWorld<ManagerSetup> {
  protected override transport(setup: ManagerSetup, environment: Environment): Transport {
    return tcp({ host: "127.0.0.1", port: 0, environment, ...setup.tcp });
  }
}

export function connectionsOf(manager: NetworkManager): number {
  return manager.health().planes["tcp"]!.connections;
}
