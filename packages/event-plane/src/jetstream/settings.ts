import { seconds } from "@dynamo/request-plane-core";

/** The variables of KV events over JetStream, beside those of the NATS plane. */
export const JETSTREAM_SETTINGS = {
  maxAgeMs: seconds(
    "DYN_NATS_STREAM_MAX_AGE",
    3_600_000,
    { min: 1, max: 31_536_000 },
    "How long the stream keeps KV events.",
  ),
} as const;
