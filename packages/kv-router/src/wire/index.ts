/** Messages of Dynamo's event plane and its predecessor, as pure functions on bytes and text. */
export { decodeKvEventJson, decodeKvEvents, encodeKvEventJson, encodeKvEvents } from "./kv-events.ts";
export { decodeEventEnvelope, decodeZmqFrame, encodeEventEnvelope, encodeZmqFrame } from "./event-plane.ts";
export type { EventEnvelope } from "./event-plane.ts";
export { decodeEngineBatch } from "./engine-events.ts";
export type { EngineBatch, EngineChange } from "./engine-events.ts";
export { decodeRecoveryRequest, recoveredState, recoveryReply, recoveryRequest } from "./recovery.ts";
export type { RecoveryAnswer, RecoveryQuestion } from "./recovery.ts";
export {
  decodeSequenceEventJson,
  decodeSequenceEvents,
  encodeSequenceEvent,
  encodeSequenceEventJson,
  encodeSequenceEvents,
} from "./sequence-events.ts";
export {
  decodeLoadReport,
  decodeLoadReportJson,
  encodeLoadReport,
  encodeLoadReportJson,
} from "./load-reports.ts";
export type { EngineLoad } from "./load-reports.ts";
export { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
