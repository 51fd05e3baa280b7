/**
 * The yardstick of the HTTP plane: one HTTP/2 session that POSTs envelopes, each answered with 202 and then like
 * those of the bare call-home program. It has a little less on the wire than Dynamo's exchange, which it is
 * not charged for: no `request-id` and no time stamp in the request's headers, no content type in the 202.
 */
import { once } from "node:events";
import { connect } from "node:http2";
import type { ClientHttp2Session } from "node:http2";
import type { NodeSubject } from "../subject.ts";
import { callHomeClient } from "./call-home-client.ts";

/** As wide as the library's, so that 64 requests at a time don't wait for each other. */
export const WINDOW_BYTES = 16 * 1024 * 1024;

export const bareHttp2: NodeSubject = {
  name: "bare-http2",
  what: "bare node:http2, POST and 202 on one session, and the answer as in call-home",
  serverProgram: new URL("bare-http2-server.ts", import.meta.url),

  async connect(port) {
    const session = connect(`http://127.0.0.1:${port}`);
    await once(session, "connect");
    return await callHomeClient({
      send: (envelope) => post(session, envelope),
      close: async () => session.destroy(),
    });
  },
};

function post(session: ClientHttp2Session, envelope: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/v1/rpc/generate",
      "content-type": "application/octet-stream",
      "content-length": envelope.length,
    });
    stream.on("response", ({ ":status": status }) => {
      if (status === 202) resolve();
      else reject(new Error(`The server said ${String(status)}`));
    });
    stream.on("error", reject).resume().end(envelope);
  });
}
