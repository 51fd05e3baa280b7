/**
 * Calls to an etcd cluster: one member at a time, another one when that is away, logged in where a login is set.
 */
import { Client, Metadata, status } from "@grpc/grpc-js";
import type { CallOptions, ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ErrorCode } from "@dynamo/request-plane-core";
import type { Access, Login } from "./access.ts";
import { ETCD } from "./api.ts";
import type { Method } from "./api.ts";

/** Bound of every call that is answered once. */
const CALL_MS = 5_000;
/** A member that answers no ping for the second is given up, even where nothing else is waited for. */
const PING = { "grpc.keepalive_time_ms": 5_000, "grpc.keepalive_timeout_ms": 5_000 };
/** Quick enough that a lease outlives the reconnection after etcd is back. */
const RECONNECT = { "grpc.initial_reconnect_backoff_ms": 100, "grpc.max_reconnect_backoff_ms": 1_000 };
/** A page of records; etcd itself takes no larger values than 1.5 MiB. */
const SIZE = { "grpc.max_receive_message_length": 256 * 1024 * 1024 };

/** After these another member may do better. */
const ELSEWHERE: ReadonlySet<number> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.UNKNOWN,
]);

export class EtcdConnection {
  readonly #access: Access;
  readonly #clients: readonly Client[];
  #current = 0;
  #token: string | undefined;
  #login: Promise<string> | undefined;
  #closed = false;

  /** Connects when it is first used. */
  constructor(access: Access) {
    this.#access = access;
    const options = { ...PING, ...RECONNECT, ...SIZE };
    this.#clients = access.targets.map((target) => new Client(target, access.channel, options));
  }

  /** The members, for messages. */
  get shown(): string {
    return this.#access.targets.join(", ");
  }

  /** One request, one response. Each member is asked once. Rejects with gRPC's error. */
  async call<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
    for (let left = this.#clients.length; ; left -= 1) {
      try {
        return await this.#loggedIn((metadata) => this.#unary(method, request, metadata));
      } catch (error) {
        if (left <= 1 || !ELSEWHERE.has(codeOf(error))) throw error;
      }
    }
  }

  /** What `work` rejects with, in the request plane's terms. */
  async explain<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw RequestPlaneError.is(error) ? error : etcdError(error, this.shown);
    }
  }

  /** A stream to one member. Its errors come as events; `limitMs` bounds it as a whole. */
  async stream<Request, Response>(
    method: Method<Request, Response>,
    limitMs?: number,
  ): Promise<ClientDuplexStream<Request, Response>> {
    const metadata = await this.#metadata();
    const options: CallOptions = limitMs === undefined ? {} : { deadline: Date.now() + limitMs };
    const { path, requestSerialize, responseDeserialize } = method;
    const client = this.#client;
    const stream = client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      metadata,
      options,
    );
    return stream.on("error", (error: ServiceError) => this.#note(error, client));
  }

  close(): void {
    this.#closed = true;
    for (const client of this.#clients) client.close();
  }

  get #client(): Client {
    const client = this.#clients[this.#current];
    if (client && !this.#closed) return client;
    throw new RequestPlaneError("closed", "This etcd discovery is closed.");
  }

  /** A token that etcd forgot, as it does after a restart, is got anew once. */
  async #loggedIn<T>(call: (metadata: Metadata) => Promise<T>): Promise<T> {
    try {
      return await call(await this.#metadata());
    } catch (error) {
      if (!this.#access.login || !hasCode(error, status.UNAUTHENTICATED)) throw error;
      return call(await this.#metadata());
    }
  }

  async #metadata(): Promise<Metadata> {
    const metadata = new Metadata();
    const { login } = this.#access;
    if (login) metadata.set("token", this.#token ?? (await this.#logIn(login)));
    return metadata;
  }

  #logIn(login: Login): Promise<string> {
    this.#login ??= this.#unary(ETCD.authenticate, login, new Metadata())
      .then(({ token }) => (this.#token = token))
      .finally(() => (this.#login = undefined));
    return this.#login;
  }

  #unary<Request, Response>(
    { path, requestSerialize, responseDeserialize }: Method<Request, Response>,
    request: Request,
    metadata: Metadata,
  ): Promise<Response> {
    const client = this.#client;
    return new Promise((resolve, reject) => {
      const options: CallOptions = { deadline: Date.now() + CALL_MS };
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        options,
        (error, response) => {
          if (error) {
            this.#note(error, client);
            reject(error);
          } else if (response !== undefined) resolve(response);
        },
      );
    });
  }

  /** Several calls may fail at the same member; the next one is taken once. */
  #note({ code }: ServiceError, asked: Client): void {
    if (code === status.UNAUTHENTICATED) this.#token = undefined;
    if (!ELSEWHERE.has(code) || this.#clients[this.#current] !== asked) return;
    this.#current = (this.#current + 1) % this.#clients.length;
  }
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  [status.UNAUTHENTICATED]: "unauthenticated",
  [status.PERMISSION_DENIED]: "permission_denied",
  // etcd says so to a wrong password too.
  [status.INVALID_ARGUMENT]: "unauthenticated",
};

function etcdError(cause: unknown, shown: string): RequestPlaneError {
  const code = CODES[codeOf(cause)] ?? "cannot_connect";
  const why = cause instanceof Error && "details" in cause ? String(cause.details) : String(cause);
  return new RequestPlaneError(code, `etcd at ${shown} (ETCD_ENDPOINTS): ${why}`, {
    cause,
    facts: { setting: "ETCD_ENDPOINTS" },
  });
}

/** Whether gRPC ended a call for this reason. */
export function hasCode(error: unknown, code: status): boolean {
  const wanted: number = code;
  return codeOf(error) === wanted;
}

function codeOf(error: unknown): number {
  const code: unknown =
    typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "number" ? code : status.UNKNOWN;
}
