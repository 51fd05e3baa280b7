import { createClient } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import type { NodeSubject } from "../subject.ts";
import { SESSION_MEGABYTES, Worker } from "./connect-service.ts";

export const connectEs: NodeSubject = {
  name: "connect-es",
  what: "@connectrpc/connect without TLS, Connect protocol on one HTTP/2 session, protobuf messages",
  serverProgram: new URL("connect-server.ts", import.meta.url),

  async connect(port) {
    const baseUrl = `http://127.0.0.1:${port}`;
    const sessionManager = new Http2SessionManager(baseUrl, {}, { maxSessionMemory: SESSION_MEGABYTES });
    const transport = createConnectTransport({ baseUrl, httpVersion: "2", sessionManager });
    const client = createClient(Worker, transport);
    return {
      async unary(request) {
        const { index } = await client.unary(request);
        return index === 0 ? 1 : 0;
      },
      async stream(request) {
        let next = 0;
        for await (const { index } of client.stream(request)) {
          if (index !== next++) throw new Error(`Item ${index} is out of order`);
        }
        return next;
      },
      async open(request) {
        const leaving = new AbortController();
        const items = client.stream(request, { signal: leaving.signal })[Symbol.asyncIterator]();
        await items.next();
        return () => leaving.abort();
      },
      close: async () => sessionManager.abort(),
    };
  },
};
