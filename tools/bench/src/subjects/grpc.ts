import { Client, credentials } from "@grpc/grpc-js";
import type { NodeSubject } from "../subject.ts";
import type { BenchRequest } from "../workload.ts";
import { STREAM, UNARY } from "./grpc-service.ts";

/** The environment may name a proxy, which gRPC would ask for loopback addresses too. */
const OPTIONS = { "grpc.enable_http_proxy": 0 };

export const grpcJs: NodeSubject = {
  name: "grpc-js",
  what: "@grpc/grpc-js without TLS, one channel, service written by hand with JSON messages",
  serverProgram: new URL("grpc-server.ts", import.meta.url),

  async connect(port) {
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), OPTIONS);
    return {
      unary: (request) => unary(client, request),
      stream: (request) => stream(client, request),
      open: (request) => open(client, request),
      close: async () => client.close(),
    };
  },
};

function unary(client: Client, request: BenchRequest): Promise<number> {
  const { path, requestSerialize, responseDeserialize } = UNARY;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, item) => {
      if (error) reject(error);
      else resolve(item?.index === 0 ? 1 : 0);
    });
  });
}

function stream(client: Client, request: BenchRequest): Promise<number> {
  const { path, requestSerialize, responseDeserialize } = STREAM;
  return new Promise((resolve, reject) => {
    let next = 0;
    client
      .makeServerStreamRequest(path, requestSerialize, responseDeserialize, request)
      .on("data", ({ index }) => {
        if (index !== next++) reject(new Error(`Item ${index} is out of order`));
      })
      .on("end", () => resolve(next))
      .on("error", reject);
  });
}

function open(client: Client, request: BenchRequest): Promise<() => void> {
  const { path, requestSerialize, responseDeserialize } = STREAM;
  return new Promise((resolve, reject) => {
    const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
    // Its end by `cancel` is an error too, which comes when nobody waits any more.
    call.on("error", reject).on("data", () => resolve(() => call.cancel()));
  });
}
