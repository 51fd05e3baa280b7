/** How to reach NATS, as the settings say. Source: wire-protocol notes, section 4.5. */
import { readFileSync } from "node:fs";
import { credsAuthenticator, nkeyAuthenticator } from "@nats-io/transport-node";
import type { Authenticator, NodeConnectionOptions, TlsOptions } from "@nats-io/transport-node";
import { RequestPlaneError } from "@dynamo/request-plane-core";

export interface ServerSettings {
  readonly servers: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly token: string | undefined;
  readonly nkey: string | undefined;
  readonly credentialsFile: string | undefined;
  readonly tlsCaCertPath: string | undefined;
  readonly tlsInsecure: boolean;
}

export interface Access {
  /** `host:port` each. */
  readonly servers: readonly string[];
  readonly options: Pick<NodeConnectionOptions, AuthenticationKey | "tls">;
  /** The servers without what is secret in their URLs. */
  readonly shown: string;
  /** How this process says who it is. */
  readonly identity: string;
}

const DEFAULT_SERVER = "nats://localhost:4222";

/** Throws `invalid_configuration`, naming the variable. Reads the files that the settings name. */
export function accessOf(settings: ServerSettings): Access {
  const urls = parseServers(settings.servers);
  const isTls = urls.some(({ protocol }) => protocol === "tls:");
  if (isTls && urls.some(({ protocol }) => protocol !== "tls:")) {
    throw invalid("NATS_SERVER mixes nats:// and tls://: use tls:// for all servers, or for none");
  }
  const { identity, ...auth } = authenticationOf(settings, urls);
  return {
    servers: urls.map(({ host }) => host),
    options: { ...auth, ...tlsOf(settings, isTls) },
    shown: urls.map(({ protocol, host }) => `${protocol}//${host}`).join(","),
    identity,
  };
}

/** Throws `invalid_configuration` when the text is no list of servers. */
export function parseServers(text: string = DEFAULT_SERVER): URL[] {
  return text.split(",").map((part) => {
    const url = /^(nats|tls):\/\/[^/]/.test(part.trim()) ? URL.parse(part.trim()) : null;
    if (url && url.hostname !== "") return url;
    const shown = part.trim().replace(/\/\/.*@/, "//");
    throw invalid(`NATS_SERVER: '${shown}' is no server; expected nats://host:port or tls://host:port`);
  });
}

type AuthenticationKey = "user" | "pass" | "token" | "authenticator";
type Authentication = Pick<NodeConnectionOptions, AuthenticationKey> & { readonly identity: string };

/** Dynamo's order. Without any, Dynamo says user/user, which a server without authentication ignores. */
function authenticationOf(settings: ServerSettings, urls: readonly URL[]): Authentication {
  const { username, password, token, nkey, credentialsFile } = settings;
  if (username !== undefined && password !== undefined) {
    return { user: username, pass: password, identity: "NATS_AUTH_USERNAME and NATS_AUTH_PASSWORD" };
  }
  if (token !== undefined) return { token, identity: "NATS_AUTH_TOKEN" };
  if (nkey !== undefined) {
    const authenticator = nkeyAuthenticator(Buffer.from(nkey));
    return { authenticator: proven(authenticator, "NATS_AUTH_NKEY"), identity: "NATS_AUTH_NKEY" };
  }
  if (credentialsFile !== undefined) {
    const variable = "NATS_AUTH_CREDENTIALS_FILE";
    return {
      authenticator: proven(fileAuthenticator(credentialsFile), variable),
      identity: `${variable} (${credentialsFile})`,
    };
  }
  const [user, pass] = [urls[0]?.username ?? "", urls[0]?.password ?? ""].map(decodeURIComponent);
  if (user && pass) return { user, pass, identity: "the user and password in NATS_SERVER" };
  if (user) return { token: user, identity: "the token in NATS_SERVER" };
  return { user: "user", pass: "user", identity: "the default user, since no NATS_AUTH_* is set" };
}

/** Reads the file again at every connection; when it can't be read then, its last content counts. */
function fileAuthenticator(path: string): Authenticator {
  let current = credsAuthenticator(readSecret(path, "NATS_AUTH_CREDENTIALS_FILE"));
  return (nonce) => {
    try {
      const next = credsAuthenticator(readFileSync(path));
      const answer = next(nonce);
      current = next;
      return answer;
    } catch {
      return current(nonce);
    }
  };
}

/** Tries it out: thrown later, its error would end the connection for good. */
function proven(authenticator: Authenticator, variable: string): Authenticator {
  try {
    authenticator("nonce");
    return authenticator;
  } catch (cause) {
    throw invalid(`${variable} can't be used: ${String(cause)}`, cause);
  }
}

function tlsOf(
  { tlsCaCertPath, tlsInsecure }: ServerSettings,
  isTls: boolean,
): Pick<NodeConnectionOptions, "tls"> {
  if (!isTls) {
    if (tlsCaCertPath === undefined && !tlsInsecure) return {};
    const variable = tlsCaCertPath === undefined ? "NATS_TLS_INSECURE" : "NATS_TLS_CA_CERT_PATH";
    throw invalid(`${variable} needs a server with tls:// in NATS_SERVER`);
  }
  // The Node client passes what it doesn't know to `tls.connect`.
  const tls: TlsOptions & { rejectUnauthorized: boolean } = {
    rejectUnauthorized: !tlsInsecure,
    ...(tlsCaCertPath !== undefined && { ca: readSecret(tlsCaCertPath, "NATS_TLS_CA_CERT_PATH").toString() }),
  };
  return { tls };
}

function readSecret(path: string, variable: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw invalid(`${variable}: '${path}' can't be read`, cause);
  }
}

function invalid(message: string, cause?: unknown): RequestPlaneError {
  const [setting = ""] = /NATS_[A-Z_]+/.exec(message) ?? [];
  return new RequestPlaneError("invalid_configuration", message, { cause, facts: { setting } });
}
