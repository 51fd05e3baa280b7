/** Settings with which processes listen on this machine only, on ports that the system picks. */
export const LOOPBACK = {
  DYN_TCP_RPC_HOST: "127.0.0.1",
  DYN_TCP_RPC_PORT: "0",
  DYN_HTTP_RPC_HOST: "127.0.0.1",
  DYN_HTTP_RPC_PORT: "0",
  DYN_TCP_RESPONSE_STREAM_HOST: "127.0.0.1",
  DYN_EVENT_PLANE_ZMQ_HOST: "127.0.0.1",
} as const;
