/**
 * What a session's programs find in their environment: the system's own variables, a place of their own for
 * discovery, ports that nobody else has, and a NATS server when there is one. No other setting of Dynamo reaches
 * them.
 *
 * @param folder - exists and is empty.
 */
export function sessionEnvironment(folder: string, natsServer?: string): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(DYN_|NATS_|NODE_|VITEST|npm_)/.test(name),
  );
  return {
    ...Object.fromEntries(inherited),
    DYN_FILE_KV: folder,
    DYN_TCP_RPC_HOST: "127.0.0.1",
    DYN_TCP_RPC_PORT: "0",
    DYN_HTTP_RPC_HOST: "127.0.0.1",
    DYN_HTTP_RPC_PORT: "0",
    ...(natsServer !== undefined && { NATS_SERVER: natsServer }),
  };
}
