import { text } from "@dynamo/request-plane-core";

/** The variables of events over ZMQ. They are not Dynamo's, whose addresses can't be chosen. */
export const ZMQ_SETTINGS = {
  host: text(
    "DYN_EVENT_PLANE_ZMQ_HOST",
    "Address, or name of an interface, on which events are offered. Default: 0.0.0.0, all of them.",
  ),
  advertiseHost: text(
    "DYN_EVENT_PLANE_ZMQ_ADVERTISE_HOST",
    "Host at which others find the events. Default: the one listened on, or the first address that is not loopback.",
  ),
} as const;
