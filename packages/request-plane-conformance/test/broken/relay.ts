import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { parseSocketAddress } from "@dynamo/request-plane-core";
import type { OutboundRequest, RequestPlaneClient } from "@dynamo/request-plane-core";
import { callHomeOf, readTwoPart, withHome } from "../../src/world/envelope.ts";
import type { Fault } from "./wrap.ts";

/** What becomes of the frames of a response. */
export interface RelayFault {
  /** The frames to be sent in place of those that arrived together. */
  readonly frames?: (frames: Buffer[]) => Buffer[];
  /** What is sent when the worker has ended. */
  readonly farewell?: Buffer;
  /** What the caller says is kept from the worker. */
  readonly deaf?: boolean;
  /** The worker is read although the caller is not reading. */
  readonly unlimited?: boolean;
}

/** A plane on which workers call home through a relay that does harm. */
export function relaying(fault: RelayFault): Fault {
  return {
    client: (good: RequestPlaneClient) => {
      const relays: Relay[] = [];
      return {
        deliver: async (request: OutboundRequest) => {
          const envelope = Buffer.concat(request.envelope);
          let home: string;
          try {
            home = callHomeOf(envelope).address;
          } catch {
            return good.deliver(request);
          }
          const relay = await Relay.start(home, fault);
          relays.push(relay);
          const redirected = withHome(envelope, relay.address);
          await good.deliver({ ...request, envelope: [redirected], envelopeBytes: redirected.length });
        },
        close: async () => {
          await good.close();
          for (const relay of relays) relay.close();
        },
      };
    },
  };
}

class Relay {
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  readonly #home: string;
  readonly #fault: RelayFault;

  private constructor(home: string, fault: RelayFault) {
    this.#home = home;
    this.#fault = fault;
    this.#server = createServer({ allowHalfOpen: true }, (worker) => this.#pass(worker));
  }

  static async start(home: string, fault: RelayFault): Promise<Relay> {
    const relay = new Relay(home, fault);
    relay.#server.listen(0, "127.0.0.1");
    await once(relay.#server, "listening");
    return relay;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #pass(worker: Socket): void {
    const caller = connect({ ...parseSocketAddress(this.#home), allowHalfOpen: true });
    this.#sockets.push(worker, caller);
    for (const socket of [worker, caller]) socket.on("error", () => undefined);
    let bytes: Buffer = Buffer.alloc(0);
    worker.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const frames: Buffer[] = [];
      for (let frame = readTwoPart(bytes); frame; frame = readTwoPart(bytes)) {
        frames.push(bytes.subarray(0, frame.length));
        bytes = bytes.subarray(frame.length);
      }
      const written = caller.write(Buffer.concat(this.#fault.frames?.(frames) ?? frames));
      if (written || this.#fault.unlimited) return;
      worker.pause();
      caller.once("drain", () => worker.resume());
    });
    worker.on("end", () => caller.end(this.#fault.farewell ?? Buffer.alloc(0)));
    if (this.#fault.deaf) caller.resume();
    else caller.on("data", (chunk: Buffer) => worker.write(chunk)).on("end", () => worker.end());
    caller.on("close", () => !this.#fault.deaf && worker.destroy());
    worker.on("close", () => caller.destroySoon());
  }
}
