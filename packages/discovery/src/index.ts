export { ETCD_SETTINGS } from "./etcd/settings.ts";
export {
  eventChannelRecord,
  eventSourceRecord,
  isEventChannelRecord,
  isEventSourceRecord,
} from "./event-records.ts";
export type { ChannelTransport, EventChannelRecord, EventSourceRecord } from "./event-records.ts";
export { fileDiscovery } from "./file/file-discovery.ts";
export type { FileLayoutName } from "./file/layout.ts";
export { defaultFileRoot } from "./file/options.ts";
export type { FileDiscoveryOptions } from "./file/options.ts";
export { discoveryFromEnv } from "./from-env.ts";
export type { DiscoveryOverrides } from "./from-env.ts";
export { memoryDiscovery } from "./memory-discovery.ts";
export { textChatCard } from "./model-card.ts";
export type { CardFile, CardFileSlot, ModelCard, ModelRuntimeConfig, WorkerType } from "./model-card.ts";
export { recordKey } from "./record-key.ts";
export {
  decodeRecord,
  encodeRecord,
  endpointRecord,
  isEndpointRecord,
  isModelRecord,
  modelRecord,
} from "./records.ts";
export type { ModelRecord } from "./records.ts";
export { DISCOVERY_SETTINGS } from "./settings.ts";
export { slugOf } from "./slug.ts";
