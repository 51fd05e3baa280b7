/** `@dynamo/discovery/etcd`: needs `@grpc/grpc-js` and `@grpc/proto-loader`, which are installed beside it. */
export { etcdDiscovery } from "./etcd-discovery.ts";
export type { EtcdDiscoveryOptions } from "./etcd-discovery.ts";
