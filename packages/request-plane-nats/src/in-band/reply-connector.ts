import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ConnectionInfo, ResponseConnector, ResponseWriter } from "@dynamo/request-plane-core";
import type { Msg } from "@nats-io/transport-node";
import { IN_BAND_TRANSPORT } from "./frames.ts";

export interface ServerLinks {
  /**
   * A new stream on the link to the caller that listens for the reply. `undefined` when it can't be answered in-band.
   * Throws what the request is refused with.
   */
  attach(reply: string): ResponseWriter | undefined;
}

/** The way to answer one request, if its response is to come in-band. */
export class ReplyConnector implements ResponseConnector {
  readonly transport = IN_BAND_TRANSPORT;
  readonly #server: ServerLinks;
  readonly #request: Msg;
  /** The response comes in-band. */
  isConnected = false;
  /** The request asks for it, but it can't be. */
  isDeclined = false;

  constructor(server: ServerLinks, request: Msg) {
    this.#server = server;
    this.#request = request;
  }

  connect(_info: ConnectionInfo): ResponseWriter {
    const writer = this.#server.attach(this.#request.reply ?? "");
    this.isConnected = writer !== undefined;
    this.isDeclined = !this.isConnected;
    if (writer) return writer;
    throw new RequestPlaneError("unavailable", "This worker can't answer over NATS");
  }
}
