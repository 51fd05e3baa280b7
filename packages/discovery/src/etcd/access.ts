/**
 * Where etcd is and who asks: what the settings say, in gRPC's terms.
 */
import { readFileSync } from "node:fs";
import { credentials } from "@grpc/grpc-js";
import type { ChannelCredentials } from "@grpc/grpc-js";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { SettingsOf } from "@dynamo/request-plane-core";
import { textOf } from "../text-of.ts";
import type { ETCD_SETTINGS } from "./settings.ts";

export type EtcdSettings = SettingsOf<typeof ETCD_SETTINGS>;

export interface Login {
  readonly name: string;
  readonly password: string;
}

export interface Access {
  /** Host and port of each member. */
  readonly targets: readonly string[];
  readonly channel: ChannelCredentials;
  readonly login: Login | undefined;
}

/** Throws `invalid_configuration`. */
export function accessOf(settings: EtcdSettings): Access {
  const addresses = settings.endpoints.split(",").map((address) => address.trim());
  const urls = addresses.filter((address) => address !== "").map(parseAddress);
  if (urls.length === 0) throw invalid("ETCD_ENDPOINTS names no address");
  const isSecure = urls[0]?.protocol === "https:";
  if (urls.some(({ protocol }) => (protocol === "https:") !== isSecure)) {
    throw invalid("ETCD_ENDPOINTS mixes http and https");
  }
  return {
    targets: urls.map(({ host, port }) => (port === "" ? `${host}:${isSecure ? 443 : 80}` : host)),
    channel: isSecure ? tls(settings) : clear(settings),
    login: loginOf(settings),
  };
}

function parseAddress(address: string): URL {
  const text = address.includes("://") ? address : `http://${address}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.protocol === "http:" || url.protocol === "https:") && url.hostname !== "") return url;
  throw invalid(
    `'${address}' in ETCD_ENDPOINTS is no address; expected http://host:port or https://host:port`,
  );
}

function tls({ ca, clientCert, clientKey }: EtcdSettings): ChannelCredentials {
  if ((clientCert === undefined) !== (clientKey === undefined)) {
    throw invalid("ETCD_AUTH_CLIENT_CERT and ETCD_AUTH_CLIENT_KEY need each other");
  }
  return credentials.createSsl(
    read(ca, "ETCD_AUTH_CA"),
    read(clientKey, "ETCD_AUTH_CLIENT_KEY"),
    read(clientCert, "ETCD_AUTH_CLIENT_CERT"),
  );
}

/** Whoever sets certificates wants no clear text. */
function clear({ ca, clientCert, clientKey }: EtcdSettings): ChannelCredentials {
  if (ca === undefined && clientCert === undefined && clientKey === undefined)
    return credentials.createInsecure();
  throw invalid(
    "ETCD_AUTH_CA, ETCD_AUTH_CLIENT_CERT and ETCD_AUTH_CLIENT_KEY need https addresses in ETCD_ENDPOINTS",
  );
}

function read(path: string | undefined, variable: string): Buffer | null {
  if (path === undefined) return null;
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = textOf(cause);
    throw new RequestPlaneError("invalid_configuration", `Can't read the file of ${variable}: ${why}`, {
      cause,
    });
  }
}

function loginOf({ username, password }: EtcdSettings): Login | undefined {
  if (username === undefined && password === undefined) return undefined;
  if (username === undefined || password === undefined) {
    throw invalid("ETCD_AUTH_USERNAME and ETCD_AUTH_PASSWORD need each other");
  }
  return { name: username, password };
}

function invalid(message: string): RequestPlaneError {
  return new RequestPlaneError("invalid_configuration", message);
}
