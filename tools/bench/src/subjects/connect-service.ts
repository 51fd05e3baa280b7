/**
 * The service both sides of the Connect subject share. What a generator would write from a `.proto` file is made
 * here from its descriptor, so that nothing has to be generated.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import type { Message } from "@bufbuild/protobuf";
import { fileDesc, messageDesc, serviceDesc } from "@bufbuild/protobuf/codegenv2";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import { FieldDescriptorProto_Type as Type, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { BenchItem, BenchRequest } from "../workload.ts";

const DESCRIPTOR = create(FileDescriptorProtoSchema, {
  name: "bench.proto",
  package: "bench",
  syntax: "proto3",
  messageType: [
    message("Request", { items: Type.INT32, text: Type.STRING, hold: Type.BOOL }),
    message("Item", { id: Type.STRING, index: Type.INT32, delta: ".bench.Delta" }),
    message("Delta", { content: Type.STRING }),
  ],
  service: [
    {
      name: "Worker",
      method: [
        { name: "Unary", inputType: ".bench.Request", outputType: ".bench.Item" },
        { name: "Stream", inputType: ".bench.Request", outputType: ".bench.Item", serverStreaming: true },
      ],
    },
  ],
});

/** Fields are numbered in their order. A name instead of a type is that of another message. */
function message(name: string, fields: Readonly<Record<string, Type | string>>) {
  const field = Object.entries(fields).map(([fieldName, type], index) => ({
    name: fieldName,
    number: index + 1,
    ...(typeof type === "string" ? { type: Type.MESSAGE, typeName: type } : { type }),
  }));
  return { name, field };
}

const FILE = fileDesc(Buffer.from(toBinary(FileDescriptorProtoSchema, DESCRIPTOR)).toString("base64"));

/** Node's own limit is too small for some thousand streams of one session. */
export const SESSION_MEGABYTES = 1_000;

type Request = GenMessage<Message<"bench.Request"> & BenchRequest>;
type Item = GenMessage<Message<"bench.Item"> & BenchItem>;

export const RequestSchema: Request = messageDesc(FILE, 0);
export const ItemSchema: Item = messageDesc(FILE, 1);

export const Worker: GenService<{
  unary: { methodKind: "unary"; input: Request; output: Item };
  stream: { methodKind: "server_streaming"; input: Request; output: Item };
}> = serviceDesc(FILE, 0);
