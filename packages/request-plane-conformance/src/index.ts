/**
 * The conformance kit of the request plane: what authors of transports need to prove that theirs is one.
 */

export { describeTransport } from "./describe-transport.ts";
export type { DescribeOptions, KnownFailure, TestContext, TestFunctions } from "./describe-transport.ts";
export { runConformance } from "./run-conformance.ts";
export type { ConformanceOptions, ConformanceReport } from "./run-conformance.ts";
export type { CaseOutcome, CaseResult } from "./runner.ts";
export { CASES } from "./cases.ts";
export type { ConformanceCase, Group, Requirement } from "./case.ts";
export type { PlaneFacts } from "./plane-facts.ts";
export type { AddressRoute, FixtureSettings, TransportFactory, TransportFixture } from "./fixture.ts";
export type { ForeignWorker, World } from "./world/world.ts";

// The worker that is tested from outside.
export { referenceHandler } from "./reference/handler.ts";
export type { Account, Counted, Described, ReferenceRequest } from "./reference/request.ts";

// Tools that are of use in a transport's own tests too.
export { memoryPlane, memoryTransport } from "./memory/memory-transport.ts";
export type { MemoryPlane, MemoryTransportOptions } from "./memory/memory-transport.ts";
export { FaultProxy } from "./fault-proxy/fault-proxy.ts";
export type { Cut, Faults } from "./fault-proxy/faults.ts";
