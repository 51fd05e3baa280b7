import { pathFormOf } from "../releases.ts";
import type { Plane, Release } from "../releases.ts";
import type { Transport } from "@dynamo/request-plane-core";
import { http } from "@dynamo/request-plane-http";
import { nats } from "@dynamo/request-plane-nats";
import { tcp } from "@dynamo/request-plane-tcp";

const LOOPBACK = { host: "127.0.0.1", port: 0, environment: {} } as const;

/** Our transport for a plane, on loopback, in the form that the release takes. */
export function transportFor(plane: Plane, release: Release, natsUrl: string): Transport {
  switch (plane) {
    case "tcp":
      return tcp({ ...LOOPBACK, pathForm: pathFormOf(release) });
    case "nats":
      return nats({ servers: natsUrl, environment: {} });
    case "http":
      return http(LOOPBACK);
  }
}
