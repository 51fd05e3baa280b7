/**
 * The service both sides of the gRPC subject share, written by hand: messages are JSON in bytes.
 */
import type { MethodDefinition } from "@grpc/grpc-js";
import type { BenchItem, BenchRequest } from "../workload.ts";

type Method = MethodDefinition<BenchRequest, BenchItem>;

export const UNARY: Method = methodOf("Unary", false);
export const STREAM: Method = methodOf("Stream", true);

function methodOf(name: string, responseStream: boolean): Method {
  return {
    path: `/bench.Worker/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: toBytes,
    requestDeserialize: (bytes) => JSON.parse(bytes.toString()) as BenchRequest,
    responseSerialize: toBytes,
    responseDeserialize: (bytes) => JSON.parse(bytes.toString()) as BenchItem,
  };
}

function toBytes(value: BenchRequest | BenchItem): Buffer {
  return Buffer.from(JSON.stringify(value));
}
