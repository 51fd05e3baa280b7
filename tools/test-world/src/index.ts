/** Workers and callers in one process, for the tests of transports. */
export { calledProcess, killInTheMiddle, killOneOfTwo } from "./kills.ts";
export { LocalDiscovery } from "./local-discovery.ts";
export { addressOf, busy, collect, failureOf, idOf, settled, succeeds } from "./outcomes.ts";
export { orderedWorker, serveOrders } from "./orders.ts";
export type { Order, OrderedWorker } from "./orders.ts";
export { recordingLogger } from "./recording-logger.ts";
export type { RecordingLogger } from "./recording-logger.ts";
export { FAILING_RESPONSES, RESPONSE_KINDS } from "./response-frames.ts";
export type { FailingResponse, KindAndBody } from "./response-frames.ts";
export { WorkerProcess } from "./worker-process.ts";
export { NAME, TransportWorld } from "./world.ts";
export type { Caller, Worker, WorldSetup } from "./world.ts";
