/**
 * The contract of a request plane: how one request reaches a worker and how the worker's acknowledgement
 * comes back, and, where the plane can do that, how the response comes back on the same connection. See
 * `response-plane.ts` for responses.
 */
import type { EndpointName } from "./endpoint-name.ts";
import type { RequestPlaneError } from "./errors.ts";
import type { InstanceId } from "./instance.ts";
import type { Logger } from "./logger.ts";
import type { InBandReceiver, ResponseConnector } from "./response-plane.ts";

/** What a plane can and cannot do, declared so that callers and tests need not guess. */
export interface TransportCapabilities {
  /** Largest envelope in bytes that the plane carries with its present settings. */
  readonly maxMessageBytes: number;
  /** Requests pass through a broker, so an address names a subject and not a host. */
  readonly brokered: boolean;
  /**
   * The value of `connection_info.transport` for responses on the request's own connection, where clients have
   * `exchange` and servers give a `connector`. Instance records name it in `response_transports`.
   */
  readonly inBand?: string;
}

/** One plane, configured. Made by the factory of its package, for example `tcp()`. */
export interface Transport {
  /** The value of `DYN_REQUEST_PLANE` that means this plane. */
  readonly name: string;
  /** The key of this plane's address in an instance record, for example `tcp` or `nats_tcp`. */
  readonly scheme: string;
  readonly capabilities: TransportCapabilities;
  /** A server that is not listening yet. */
  createServer(components: TransportComponents): RequestPlaneServer;
  /** A client that has no connection yet. */
  createClient(components: TransportComponents): RequestPlaneClient;
}

/** What a transport is given instead of importing it. */
export interface TransportComponents {
  readonly logger: Logger;
}

export interface RequestPlaneServer {
  /**
   * Starts to listen. Resolves when requests can arrive.
   * Rejects with `address_in_use` or `cannot_connect`, naming address and setting.
   */
  start(): Promise<void>;

  /**
   * Adds an endpoint and resolves with the address to put into its instance record. Needs a started server.
   * Rejects with `conflict` when the same address is served already.
   */
  register(registration: EndpointRegistration): Promise<string>;

  /** Takes the endpoint away: later requests for it are refused. Requests it has accepted go on. */
  unregister(address: string): Promise<void>;

  /** Stops to listen and closes every connection. Requests that were accepted go on elsewhere. Never rejects. */
  stop(): Promise<void>;

  health(): PlaneHealth;
}

/** An endpoint of one instance, and what to do with its requests. */
export interface EndpointRegistration extends EndpointName {
  readonly instanceId: InstanceId;
  readonly accept: RequestAcceptor;
}

/**
 * Takes a request or refuses it, at once. `undefined` means accepted: the transport acknowledges now, and
 * the work goes on by itself. An error means refused: the transport tells the caller in its own way.
 * It never throws and never waits, because whoever calls it is reading a connection that others share.
 */
export type RequestAcceptor = (request: InboundRequest) => RequestPlaneError | undefined;

export interface InboundRequest {
  /** Names in lower case. Empty where the peer's release has no headers. */
  readonly headers: Headers;
  /** The two-part message: control message and payload. The bytes are the receiver's to keep. */
  readonly envelope: Uint8Array;
  /** A way to respond on the connection that carried the request, where the plane has one. */
  readonly connector?: ResponseConnector;
}

export type Headers = Readonly<Record<string, string>>;

export interface RequestPlaneClient {
  /**
   * Delivers one request. Resolves when the worker acknowledged it, which says nothing about its work.
   * Rejects with `payload_too_large` before anything is sent; with `cannot_connect`, `deadline_exceeded`
   * (phase `connect` or `acknowledge`), `disconnected`, `cancelled`; or with what the worker answered:
   * `unknown_endpoint`, `overloaded`, `unavailable`, `payload_too_large`, `invalid_argument`.
   */
  deliver(request: OutboundRequest): Promise<void>;

  /**
   * Sends one request whose response comes back on its own connection. Throws what `deliver` rejects with before
   * anything is sent; everything else the receiver is told, `connected` before this returns. Whoever gives up says
   * so there. Present where `capabilities.inBand` is.
   */
  exchange?(request: InBandRequest, receiver: InBandReceiver): void;

  /** Closes every connection; requests that wait for their acknowledgement reject with `closed`. */
  close(): Promise<void>;

  health(): PlaneHealth;
}

export interface OutboundRequest {
  /** As the instance record gives it. */
  readonly address: string;
  readonly headers: Headers;
  /** The two-part message in pieces, in order. Never copied by the sender of large pieces. */
  readonly envelope: readonly Uint8Array[];
  /** Total bytes of `envelope`. */
  readonly envelopeBytes: number;
  readonly signal?: AbortSignal;
}

/** A request whose response is to come in-band. Its envelope is still in parts, to be encoded where it is written. */
export interface InBandRequest {
  /** As the instance record gives it. */
  readonly address: string;
  readonly headers: Headers;
  /** The header of the two-part message. */
  readonly control: string;
  /** The body of the two-part message: JSON text or encoded bytes. */
  readonly payload: string | Uint8Array;
}

/** Numbers for health pages and for tests that look for leaks. All are zero at rest. */
export interface PlaneHealth {
  readonly connections: number;
  /** Requests sent and not acknowledged or begun (client), accepted and not acknowledged (server). */
  readonly pending: number;
}
