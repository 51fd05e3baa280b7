/**
 * The HTTP server: limits, and answers to everything that isn't a good request for a known route.
 */
import type { Socket } from "node:net";
import cors from "@fastify/cors";
import fastify, { LogController } from "fastify";
import type { FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { HttpError, OVERLOADED_STATUS, toHttpError } from "./errors.ts";
import { parseJsonBody } from "./json-body.ts";
import type { RunningRequests } from "./running-requests.ts";

export interface ServerOptions {
  readonly logger: FastifyBaseLogger;
  readonly running: RunningRequests;
  /** Largest request body, in MiB. */
  readonly bodyLimitMb: number;
  /** What clients get instead of 529. */
  readonly overloadStatus: number;
  /** Origins that browsers may call from; `*` is any, none turns CORS off. */
  readonly corsOrigins: readonly string[];
  /** Told of every answer that is an error. */
  readonly onFailure: (failure: HttpError) => void;
}

/** Longer than the idle time-outs of common load balancers, so that they close first. */
const KEEP_ALIVE_MS = 76_000;
/** For the head of a request, then for all of it. */
const HEADERS_MS = 30_000;
const REQUEST_MS = 300_000;
const MIB = 1024 * 1024;

/** A server that isn't listening yet, without routes. Its hooks call back: a promise for each would cost more. */
export function createServer(options: ServerOptions): FastifyInstance {
  const { running, corsOrigins } = options;
  const answer = answerWith(options);
  const app = fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyLimitMb * MIB,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_MS,
    // By the time it is closed, what may finish has finished.
    forceCloseConnections: true,
    http: { noDelay: true, headersTimeout: HEADERS_MS },
    frameworkErrors: (error, request, reply) => answer(error, request, reply),
    clientErrorHandler: refuseSocket,
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, bytes, done) => {
    try {
      done(null, parseJsonBody(bytes as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
  app.setErrorHandler(answer);
  if (corsOrigins.length > 0) {
    void app.register(cors, { origin: corsOrigins.includes("*") ? "*" : [...corsOrigins] });
  }
  answerUnknownRoutes(app);
  app.addHook("onRequest", echoRequestId);
  app.addHook("onSend", (_request, reply, _payload, next) => {
    if (running.isDraining) reply.header("connection", "close");
    next();
  });
  return app;
}

/** For routes that take work: refuses it while the frontend shuts down. */
export function refuseWhileDraining(app: FastifyInstance, running: RunningRequests): void {
  app.addHook("onRequest", (_request, _reply, next) => {
    if (running.isDraining) {
      next(new HttpError(503, "Service is shutting down", { headers: { "retry-after": "1" } }));
    } else next();
  });
}

/**
 * 404 for a path nobody serves, 405 for a method the path doesn't have. A hook and not a handler, because
 * Fastify reads the body before it calls a handler.
 */
function answerUnknownRoutes(app: FastifyInstance): void {
  const methods = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    const known = methods.get(url) ?? new Set();
    for (const name of [method].flat()) known.add(name);
    methods.set(url, known);
  });
  // After those of the plugins, so that browsers may read the answer.
  app.after(() => {
    app.addHook("onRequest", ({ is404, method, url }, _reply, next) => {
      if (is404) next(unknownRoute(methods, method, url.split("?")[0] ?? ""));
      else next();
    });
  });
}

type MethodsByRoute = ReadonlyMap<string, ReadonlySet<string>>;

function unknownRoute(methods: MethodsByRoute, method: string, path: string): HttpError {
  const covers = (route: string): boolean => route.endsWith("/*") && path.startsWith(route.slice(0, -1));
  const allowed = methods.get(path) ?? methods.get([...methods.keys()].find(covers) ?? "");
  if (!allowed) return new HttpError(404, `Route not found: ${method} ${path}`);
  const allow = [...allowed].join(", ");
  return new HttpError(405, `Method ${method} is not allowed for ${path}, only ${allow}`, {
    headers: { allow },
  });
}

function echoRequestId(request: FastifyRequest, reply: FastifyReply, next: () => void): void {
  const id = request.headers["x-request-id"];
  if (id !== undefined) reply.header("x-request-id", id);
  next();
}

type Answer = (error: unknown, request: FastifyRequest, reply: FastifyReply) => void;

function answerWith({ onFailure, overloadStatus }: ServerOptions): Answer {
  return (error, request, reply) => {
    const failure = fromFastify(error, request) ?? toHttpError(error);
    onFailure(failure);
    answer(
      failure.status === OVERLOADED_STATUS ? failure.withStatus(overloadStatus) : failure,
      request,
      reply,
    );
  };
}

function answer(failure: HttpError, request: FastifyRequest, reply: FastifyReply): void {
  const facts = {
    method: request.method,
    url: request.url,
    status: failure.status,
    err: failure.cause ?? failure,
  };
  if (failure.status >= 500) request.log.warn(facts, "Request failed");
  else request.log.debug(facts, "Request refused");
  void reply.code(failure.status).headers(failure.headers).send(failure.body);
}

/** What Fastify finds wrong with a request before a route sees it. */
function fromFastify(error: unknown, { server }: FastifyRequest): HttpError | undefined {
  const { code, statusCode, message } = error as Partial<FastifyError>;
  if (error instanceof HttpError || code?.startsWith("FST_") !== true) return undefined;
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new HttpError(
        413,
        `Request body exceeds the limit of ${(server.initialConfig.bodyLimit ?? 0) / MIB} MB set by DYN_HTTP_BODY_LIMIT_MB`,
      );
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return new HttpError(415, "Expected request with Content-Type application/json");
    default:
      return statusCode === undefined || statusCode >= 500
        ? undefined
        : new HttpError(statusCode, message ?? code);
  }
}

/** Bytes that aren't HTTP: there is no request to answer, only a socket. */
function refuseSocket(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const [status, reason] = SOCKET_ERRORS[error.code ?? ""] ?? [400, "Bad Request"];
  const body = JSON.stringify(new HttpError(status, reason).body);
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

const SOCKET_ERRORS: Readonly<Record<string, readonly [status: number, reason: string]>> = {
  HPE_HEADER_OVERFLOW: [431, "Request Header Fields Too Large"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "Request Timeout"],
};
