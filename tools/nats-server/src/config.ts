/** What a test wants of its server. */
export interface NatsServerConfig {
  /** Bytes of a message with its headers. Default: the server's, 1 MiB. */
  readonly maxPayload?: number;
  readonly auth?: NatsAuth;
  readonly tls?: NatsTls;
  /** Further lines of the configuration file. */
  readonly lines?: readonly string[];
}

export type NatsAuth =
  | { readonly user: string; readonly password: string }
  | { readonly token: string }
  /** A public key: the client has the seed. */
  | { readonly nkey: string }
  /** The operator's JWT and the accounts it knows, by their public keys; clients have credentials. */
  | { readonly operator: string; readonly accounts: Readonly<Record<string, string>> };

/** Paths of PEM files. */
export interface NatsTls {
  readonly cert: string;
  readonly key: string;
}

/** The server would give clients of a busy machine 2 s to say who they are, in seconds. */
const PATIENT = "timeout: 30";

/** The text of a configuration file. */
export function configText(config: NatsServerConfig, port: number, portsFolder: string): string {
  const { maxPayload, auth, tls, lines = [] } = config;
  return [
    `listen: "127.0.0.1:${port}"`,
    `ports_file_dir: ${JSON.stringify(portsFolder)}`,
    ...(maxPayload === undefined ? [] : [`max_payload: ${maxPayload}`]),
    ...(auth ? authLines(auth) : []),
    ...(tls
      ? [`tls { ${PATIENT}, cert_file: ${JSON.stringify(tls.cert)}, key_file: ${JSON.stringify(tls.key)} }`]
      : []),
    ...lines,
    "",
  ].join("\n");
}

function authLines(auth: NatsAuth): string[] {
  if ("token" in auth) return [`authorization { ${PATIENT}, token: ${JSON.stringify(auth.token)} }`];
  if ("nkey" in auth) return [`authorization { ${PATIENT}, users: [ { nkey: ${auth.nkey} } ] }`];
  if ("user" in auth) {
    const { user, password } = auth;
    return [
      `authorization { ${PATIENT}, user: ${JSON.stringify(user)}, password: ${JSON.stringify(password)} }`,
    ];
  }
  const accounts = Object.entries(auth.accounts).map(([key, jwt]) => `${key}: ${jwt}`);
  return [`operator: ${auth.operator}`, "resolver: MEMORY", `resolver_preload: { ${accounts.join(", ")} }`];
}
