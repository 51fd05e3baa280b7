import { StreamWriter } from "@dynamo/request-plane-core";
import type { ConnectionInfo, ResponseConnector, ResponseWriter } from "@dynamo/request-plane-core";
import { IN_BAND_TRANSPORT } from "./frames.ts";

/** The worker's side of one request: its response is written on the connection that brought it. */
export class ServerStream extends StreamWriter implements ResponseConnector {
  readonly transport = IN_BAND_TRANSPORT;

  connect(_info: ConnectionInfo): ResponseWriter {
    return this;
  }
}
