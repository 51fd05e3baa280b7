/**
 * The request plane of NVIDIA Dynamo: what applications need, then what authors of transports need.
 */

// For applications.
export { createNetworkManager } from "./manager.ts";
export type { CoreSettings, ManagerHealth, NetworkManager, NetworkManagerOptions } from "./manager.ts";
export type {
  CallOptions,
  CloseOptions,
  Endpoint,
  EndpointClient,
  Handler,
  RequestContext,
  ServedEndpoint,
  ServeOptions,
  WaitOptions,
} from "./endpoint.ts";
export type { ResponseMode } from "./response-mode.ts";
export type { Timeouts } from "./timeouts.ts";
export { ResponseStream } from "./response-stream.ts";
export { AnnotatedItem } from "./annotated.ts";
export type { Annotated, JsonItem } from "./annotated.ts";
export { decodeJson, EncodedItem, EncodedPayload, encodeJson } from "./payload-codec.ts";
export type { PayloadCodec } from "./payload-codec.ts";
export type { PayloadCodecName } from "./wire/control-message.ts";
export { RequestPlaneError } from "./errors.ts";
export type { DeadlinePhase, ErrorCode, ErrorFacts, ErrorOptions, PublicDetails } from "./errors.ts";
export { formatEndpointName, parseEndpointName } from "./endpoint-name.ts";
export type { EndpointName, EndpointNameLike } from "./endpoint-name.ts";
export { formatInstanceId, parseInstanceId, randomInstanceId } from "./instance.ts";
export type { Instance, InstanceId, InstanceTransport } from "./instance.ts";
export { parseJson, stringifyJson } from "./json.ts";
export { defaultLogger } from "./logger.ts";
export type { Logger } from "./logger.ts";
export {
  findTransport,
  loadTransport,
  parseRequestPlaneMode,
  REQUEST_PLANE_MODES,
  requestPlanePackage,
} from "./request-plane-mode.ts";
export type { RequestPlaneMode } from "./request-plane-mode.ts";

// For discovery backends.
export { isEndpointRecord, matchesQuery } from "./discovery.ts";
export type {
  Discovery,
  DiscoveryEvent,
  DiscoveryQuery,
  DiscoveryRecord,
  EndpointRecord,
  LeasedKeys,
  Registration,
} from "./discovery.ts";

// For transports.
export type {
  EndpointRegistration,
  Headers,
  InBandRequest,
  InboundRequest,
  OutboundRequest,
  PlaneHealth,
  RequestAcceptor,
  RequestPlaneClient,
  RequestPlaneServer,
  Transport,
  TransportCapabilities,
  TransportComponents,
} from "./transport.ts";
export { errorOfItem } from "./annotated.ts";
export type {
  Controlled,
  FrameForm,
  OnOver,
  InBandReceiver,
  ReceivedForm,
  ResponseConnector,
  ResponseControl,
  ResponseReceiver,
  ResponseWriter,
} from "./response-plane.ts";
export { decodeFailure, decodePrologue, encodePrologue } from "./wire/response-frames.ts";
export { framesOfItems, ITEMS_HEAD_BYTES } from "./items-frame.ts";
export { encodeControlMessage } from "./wire/control-message.ts";
export type { ConnectionInfo } from "./wire/control-message.ts";
export { asBuffer, encodeTwoPartHead, TWO_PART_PREFIX_BYTES, writeTwoPartPrefix } from "./wire/two-part.ts";
export { DeadlineQueue } from "./deadline-queue.ts";
export type { Deadline } from "./deadline-queue.ts";
export { LinkedList } from "./linked-list.ts";
export type { Link } from "./linked-list.ts";
export {
  FRAME_HEAD_BYTES,
  kindAt,
  MAX_CREDIT,
  ResponseFrame,
  streamAt,
  StreamFrame,
} from "./in-band/stream-frames.ts";
export { StreamReader } from "./in-band/stream-reader.ts";
export type { ReaderOutput, StreamReaderOptions } from "./in-band/stream-reader.ts";
export { StreamWriter } from "./in-band/stream-writer.ts";
export { StreamWriters } from "./in-band/stream-writers.ts";
export type { ScheduledOutput } from "./in-band/stream-writers.ts";
export type { StreamOutput, WriterCarrier } from "./in-band/stream-writer.ts";
export { memoized } from "./memo.ts";
export { roomFor, SpareBuffers } from "./spare-buffers.ts";
export { StreamTable } from "./stream-table.ts";
export { ExpiryQueue } from "./expiry-queue.ts";
export { refusalCode, refusalText } from "./wire/refusal-text.ts";
export { FrameDecoder } from "./wire/frame-decoder.ts";
export type { MeasureFrame, OnFrame } from "./wire/frame-decoder.ts";
export { CORE_SETTINGS } from "./core-settings.ts";
export { oneOf, override, port, readSettings, seconds, text, wholeNumber } from "./settings.ts";
export type { Environment, Setting, SettingsOf, SettingsTable } from "./settings.ts";
export { formatSocketAddress, isWildcardHost, parseSocketAddress, resolveHosts } from "./socket-address.ts";
export type { SocketAddress } from "./socket-address.ts";
export { listen } from "./listen.ts";
