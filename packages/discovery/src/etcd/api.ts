/**
 * The part of etcd's v3 API that discovery needs, as gRPC methods with types.
 *
 * Source: api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto of etcd-io/etcd, 3.4 and later. Fields that nobody
 * here reads or writes are left out: protobuf skips them.
 */
import type { MethodDefinition } from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";

/** An int64 or uint64. Kept as text, because not all of them fit a number. */
export type Int64 = string;

export interface KeyValue {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** As etcd gives it. */
export interface StoredKeyValue extends KeyValue {
  /** Of its last change. */
  readonly modRevision: Int64;
}

interface WithHeader {
  readonly header: { readonly clusterId: Int64; readonly revision: Int64 };
}

/** Keys from `key` up to, and without, `rangeEnd`. */
interface KeyRange {
  readonly key: Buffer;
  readonly rangeEnd?: Buffer;
}

export interface RangeRequest extends KeyRange {
  readonly limit?: number;
  /** The state to read; the newest when it is left out. */
  readonly revision?: Int64;
}

export interface RangeResponse extends WithHeader {
  readonly kvs: readonly StoredKeyValue[];
  /** There are more than `limit`. */
  readonly more: boolean;
}

export interface PutRequest extends KeyValue {
  readonly lease: Int64;
}

export interface TxnRequest {
  readonly compare: readonly { readonly target: "LEASE"; readonly key: Buffer; readonly lease: Int64 }[];
  readonly success: readonly { readonly requestDeleteRange: KeyRange }[];
}

export interface LeaseId {
  readonly ID: Int64;
}

export interface LeaseTtl extends LeaseId {
  /** Seconds; 0 or less when there is no such lease any more. */
  readonly TTL: Int64;
}

export interface WatchRequest {
  readonly createRequest: KeyRange & { readonly startRevision: Int64; readonly progressNotify: boolean };
}

export interface WatchResponse extends WithHeader {
  readonly created: boolean;
  readonly canceled: boolean;
  readonly cancelReason: string;
  /** Above 0: what was asked for is not kept any more; the oldest state that is. */
  readonly compactRevision: Int64;
  readonly events: readonly { readonly type: "PUT" | "DELETE"; readonly kv: StoredKeyValue }[];
}

interface Credentials {
  readonly name: string;
  readonly password: string;
}

const types = {
  ResponseHeader: message({ clusterId: ["uint64", 1], revision: ["int64", 3] }),
  KeyValue: message({ key: ["bytes", 1], modRevision: ["int64", 3], value: ["bytes", 5] }),
  Event: {
    ...message({ type: ["EventType", 1], kv: ["KeyValue", 2] }),
    nested: { EventType: { values: { PUT: 0, DELETE: 1 } } },
  },
  RangeRequest: message({
    key: ["bytes", 1],
    rangeEnd: ["bytes", 2],
    limit: ["int64", 3],
    revision: ["int64", 4],
  }),
  RangeResponse: message({
    header: ["ResponseHeader", 1],
    kvs: ["repeated KeyValue", 2],
    more: ["bool", 3],
  }),
  PutRequest: message({ key: ["bytes", 1], value: ["bytes", 2], lease: ["int64", 3] }),
  DeleteRangeRequest: message({ key: ["bytes", 1], rangeEnd: ["bytes", 2] }),
  Compare: {
    ...message({ target: ["CompareTarget", 2], key: ["bytes", 3], lease: ["int64", 8] }),
    nested: { CompareTarget: { values: { VERSION: 0, CREATE: 1, MOD: 2, VALUE: 3, LEASE: 4 } } },
  },
  RequestOp: message({ requestDeleteRange: ["DeleteRangeRequest", 3] }),
  TxnRequest: message({ compare: ["repeated Compare", 1], success: ["repeated RequestOp", 2] }),
  LeaseGrantRequest: message({ TTL: ["int64", 1] }),
  LeaseId: message({ ID: ["int64", 1] }),
  LeaseTtl: message({ header: ["ResponseHeader", 1], ID: ["int64", 2], TTL: ["int64", 3] }),
  WatchCreateRequest: message({
    key: ["bytes", 1],
    rangeEnd: ["bytes", 2],
    startRevision: ["int64", 3],
    progressNotify: ["bool", 4],
  }),
  WatchRequest: message({ createRequest: ["WatchCreateRequest", 1] }),
  WatchResponse: message({
    header: ["ResponseHeader", 1],
    created: ["bool", 3],
    canceled: ["bool", 4],
    compactRevision: ["int64", 5],
    cancelReason: ["string", 6],
    events: ["repeated Event", 11],
  }),
  AuthenticateRequest: message({ name: ["string", 1], password: ["string", 2] }),
  AuthenticateResponse: message({ token: ["string", 2] }),
  Nothing: message({}),
};

const services = {
  KV: service({
    Range: ["RangeRequest", "RangeResponse"],
    Put: ["PutRequest", "Nothing"],
    Txn: ["TxnRequest", "Nothing"],
  }),
  Lease: service({
    LeaseGrant: ["LeaseGrantRequest", "LeaseTtl"],
    LeaseRevoke: ["LeaseId", "Nothing"],
    LeaseKeepAlive: ["stream LeaseId", "stream LeaseTtl"],
  }),
  Watch: service({ Watch: ["stream WatchRequest", "stream WatchResponse"] }),
  Auth: service({ Authenticate: ["AuthenticateRequest", "AuthenticateResponse"] }),
};

const definitions = fromJSON(
  // Its type asks for comments on each method.
  { nested: { etcdserverpb: { nested: { ...types, ...services } } } } as unknown as Parameters<
    typeof fromJSON
  >[0],
  { longs: String, enums: String, defaults: true, arrays: true },
);

/** What a client needs to know to call a method. */
export type Method<Request, Response> = MethodDefinition<Request, Response>;

export const ETCD = {
  range: method<RangeRequest, RangeResponse>("KV", "Range"),
  put: method<PutRequest, object>("KV", "Put"),
  txn: method<TxnRequest, object>("KV", "Txn"),
  leaseGrant: method<{ readonly TTL: number }, LeaseTtl>("Lease", "LeaseGrant"),
  leaseRevoke: method<LeaseId, object>("Lease", "LeaseRevoke"),
  leaseKeepAlive: method<LeaseId, LeaseTtl>("Lease", "LeaseKeepAlive"),
  watch: method<WatchRequest, WatchResponse>("Watch", "Watch"),
  authenticate: method<Credentials, { readonly token: string }>("Auth", "Authenticate"),
} as const;

function method<Request, Response>(service: string, name: string): Method<Request, Response> {
  const definition = definitions[`etcdserverpb.${service}`] as Record<string, unknown>;
  return definition[name] as Method<Request, Response>;
}

/** A message in the form of protobufjs. */
function message(fields: Readonly<Record<string, readonly [type: string, id: number]>>) {
  const entries = Object.entries(fields).map(([name, [type, id]]) => {
    const isRepeated = type.startsWith("repeated ");
    return [name, isRepeated ? { rule: "repeated", type: type.slice(9), id } : { type, id }] as const;
  });
  return { fields: Object.fromEntries(entries) };
}

/** A service in the form of protobufjs. */
function service(methods: Readonly<Record<string, readonly [request: string, response: string]>>) {
  const entries = Object.entries(methods).map(([name, [request, response]]) => [
    name,
    {
      requestType: request.replace("stream ", ""),
      requestStream: request.startsWith("stream "),
      responseType: response.replace("stream ", ""),
      responseStream: response.startsWith("stream "),
    },
  ]);
  return { methods: Object.fromEntries(entries) as Record<string, object> };
}
