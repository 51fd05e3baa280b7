import { once } from "node:events";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";
import { runServer } from "../program.ts";
import { itemAt } from "../workload.ts";
import type { BenchItem, BenchRequest } from "../workload.ts";
import { STREAM, UNARY } from "./grpc-service.ts";

runServer(async () => {
  const server = new Server();
  server.addService(
    { unary: UNARY, stream: STREAM },
    { unary, stream: (call: StreamCall) => void stream(call) },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { address: String(port), close: async () => server.forceShutdown() };
});

function unary(_call: ServerUnaryCall<BenchRequest, BenchItem>, reply: sendUnaryData<BenchItem>): void {
  reply(null, itemAt(0));
}

type StreamCall = ServerWritableStream<BenchRequest, BenchItem>;

async function stream(call: StreamCall): Promise<void> {
  for (let index = 0; index < call.request.items; index++) {
    if (!call.write(itemAt(index))) await once(call, "drain");
  }
  if (call.request.hold) await once(call, "cancelled");
  call.end();
}
