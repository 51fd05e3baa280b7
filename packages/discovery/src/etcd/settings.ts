import { seconds, text } from "@dynamo/request-plane-core";

/**
 * The variables of the etcd backend, with Dynamo's names and defaults.
 *
 * Source: lib/runtime/src/transports/etcd.rs of ai-dynamo/dynamo; interop notes, section A1.
 */
export const ETCD_SETTINGS = {
  endpoints: {
    ...text("ETCD_ENDPOINTS", "Where etcd is: addresses with commas between them, all of one cluster."),
    fallback: "http://localhost:2379",
  },
  username: text("ETCD_AUTH_USERNAME", "Name to log in with; needs ETCD_AUTH_PASSWORD."),
  password: text("ETCD_AUTH_PASSWORD", "Password that belongs to ETCD_AUTH_USERNAME."),
  ca: text("ETCD_AUTH_CA", "File with the certificate that etcd's is checked against, for https addresses."),
  clientCert: text(
    "ETCD_AUTH_CLIENT_CERT",
    "File with the certificate that is shown to etcd; needs ETCD_AUTH_CLIENT_KEY.",
  ),
  clientKey: text("ETCD_AUTH_CLIENT_KEY", "File with the key of ETCD_AUTH_CLIENT_CERT."),
  leaseTtlMs: seconds(
    "ETCD_LEASE_TTL",
    10_000,
    // etcd counts whole seconds and takes no shorter lease than its election time-out.
    { min: 2, max: 86_400 },
    "How long the records of a process that is gone stay.",
  ),
} as const;
