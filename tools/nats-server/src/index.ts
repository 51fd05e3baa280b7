/** Starts a real nats-server on loopback, for tests and demos. */
export { findNatsServer, hasNatsServer, installedNatsServer } from "./find.ts";
export { NatsServer, startNatsServer } from "./server.ts";
export type { NatsAuth, NatsServerConfig, NatsTls } from "./config.ts";
