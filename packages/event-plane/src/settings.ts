import { text } from "@dynamo/request-plane-core";
import type { Setting } from "@dynamo/request-plane-core";

/** `jetstream` is the way of Dynamo 0.7, which has no such choice. */
export const EVENT_PLANE_MODES = ["zmq", "nats", "jetstream"] as const;
export type EventPlaneMode = (typeof EVENT_PLANE_MODES)[number];

/** The variables of the event plane. Source: interop notes, section D8. */
export const EVENT_PLANE_SETTINGS = {
  mode: anyText("DYN_EVENT_PLANE", "zmq", "zmq or nats", "What carries the events of workers and routers."),
} as const;

/** Any name passes: to use the default instead of an unknown one would be to listen in the wrong place. */
function anyText(variable: string, fallback: string, expected: string, meaning: string): Setting<string> {
  return { ...text(variable, meaning), fallback, expected, parse: (given) => given };
}
