/** Starts a real etcd on loopback, for tests. */
export { hasEtcdServer, startEtcdServer } from "./server.ts";
export type { EtcdServer, Tls } from "./server.ts";
