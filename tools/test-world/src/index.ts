/** Workers and callers in one process, for the tests of transports. */
export { calledProcess, killInTheMiddle, killOneOfTwo } from "./kills.ts";
export { LocalDiscovery } from "./local-discovery.ts";
export { addressOf, busy, collect, failureOf, idOf, settled } from "./outcomes.ts";
export { serveOrders } from "./orders.ts";
export type { Order } from "./orders.ts";
export { recordingLogger } from "./recording-logger.ts";
export { WorkerProcess } from "./worker-process.ts";
export { NAME, TransportWorld } from "./world.ts";
export type { Caller, Worker, WorldSetup } from "./world.ts";
