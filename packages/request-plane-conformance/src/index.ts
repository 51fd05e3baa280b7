export { FaultProxy } from "./fault-proxy/fault-proxy.ts";
export type { Cut, Faults } from "./fault-proxy/faults.ts";
