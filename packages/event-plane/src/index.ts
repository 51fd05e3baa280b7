/** Events of Dynamo's workers and routers. */
export { eventPlane } from "./channel-plane.ts";
export type { EventPlaneOptions } from "./channel-plane.ts";
export { eventPlaneFromEnv, parseEventPlaneMode } from "./choose.ts";
export type { EventPlaneFromEnv } from "./choose.ts";
export type {
  EngineLoadOfRank,
  EventPlane,
  RouterEventOptions,
  RouterEvents,
  RouterEventStatus,
  WorkerEventOptions,
  WorkerEvents,
} from "./event-plane.ts";
export { EVENT_PLANE_MODES, EVENT_PLANE_SETTINGS } from "./settings.ts";
export type { EventPlaneMode } from "./settings.ts";
export type { EnvelopeListener, EnvelopePublisher, EventTransport, ListenerEvents } from "./transport.ts";
