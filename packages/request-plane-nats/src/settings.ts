import { seconds, text } from "@dynamo/request-plane-core";
import type { Setting } from "@dynamo/request-plane-core";

/** The variables of the NATS plane. Source of names and defaults: wire-protocol notes, sections 4.5 and 7. */
export const NATS_SETTINGS = {
  servers: text(
    "NATS_SERVER",
    "Where NATS runs, as nats://host:port or tls://host:port; several with commas between. Default: nats://localhost:4222.",
  ),
  username: text("NATS_AUTH_USERNAME", "User name; counts together with NATS_AUTH_PASSWORD."),
  password: text("NATS_AUTH_PASSWORD", "Password of NATS_AUTH_USERNAME."),
  token: text("NATS_AUTH_TOKEN", "Token, when no user and password are given."),
  nkey: text("NATS_AUTH_NKEY", "Seed of an NKey, when none of the above is given."),
  credentialsFile: text(
    "NATS_AUTH_CREDENTIALS_FILE",
    "File with a JWT and its seed, when none of the above is given.",
  ),
  tlsCaCertPath: text("NATS_TLS_CA_CERT_PATH", "File with the certificates to trust; needs tls://."),
  tlsInsecure: truthy(
    "NATS_TLS_INSECURE",
    "Don't check the server's certificate; needs tls://. For tests only.",
  ),
  requestTimeoutMs: seconds(
    "DYN_NATS_REQUEST_TIMEOUT_SECS",
    10_000,
    { min: 0.001, max: 86_400 },
    "How long a request waits for the worker's acknowledgement.",
  ),
} as const;

/** What Dynamo takes for yes. */
function truthy(variable: string, meaning: string): Setting<boolean> {
  return {
    variable,
    fallback: false,
    meaning,
    expected: "1, true, on or yes",
    parse: (value) => /^(1|true|on|yes)$/i.test(value),
    accepts: (value) => typeof value === "boolean",
  };
}
