/**
 * From the method, path and content type of a request to the endpoint that takes it.
 */
import { randomUUID } from "node:crypto";
import {
  DeadlineQueue,
  encodeControlMessage,
  encodeTwoPartHead,
  RequestPlaneError,
} from "@dynamo/request-plane-core";
import type { Headers, RequestAcceptor } from "@dynamo/request-plane-core";
import { DIRECT_TRANSPORT, DirectConnector } from "./direct-response.ts";
import type { EndpointTable } from "./endpoint-table.ts";
import type { Exchange } from "./exchange.ts";
import { IN_BAND_TYPE, STOP_TYPE } from "./in-band/frames.ts";
import { InBandResponder } from "./in-band/responder.ts";
import { HttpRefusal, refuse } from "./refusal.ts";
import { BodyReader, dropRest } from "./request-body.ts";
import type { BodyReceiver, UnreadBodies } from "./request-body.ts";
import type { HttpSettings } from "./settings.ts";
import { Turns } from "./turns.ts";

/** The acknowledgement of Dynamo's own workers. */
const ACKNOWLEDGEMENT = { "content-type": "text/plain; charset=utf-8" } as const;
/** What belongs to the exchange and not to the request that it carries. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "te",
  "transfer-encoding",
]);
/** A caller's own name for its request. */
const REQUEST_ID = /^[\w.:-]{1,128}$/;

export class Router {
  readonly #endpoints: EndpointTable;
  readonly #settings: HttpSettings;
  readonly #baseUrl: () => string;
  readonly #unread: UnreadBodies;
  readonly #inBand: InBandResponder;
  /** Those whose body is here. */
  readonly turns = new Turns<Reception>((reception) => this.#accept(reception));
  /** Requests that are being read. */
  pending = 0;

  /** `baseUrl` is that of the root, as callers are told. */
  constructor(endpoints: EndpointTable, settings: HttpSettings, baseUrl: () => string) {
    this.#endpoints = endpoints;
    this.#settings = settings;
    this.#baseUrl = baseUrl;
    this.#unread = new DeadlineQueue(settings.peerTimeoutMs, (reader) => reader.expire());
    this.#inBand = new InBandResponder(settings.peerTimeoutMs);
  }

  readonly handle = (exchange: Exchange): void => {
    this.pending += 1;
    try {
      const target = this.#targetOf(exchange);
      if (target === "list") this.#list(exchange);
      else this.#read(exchange, target);
    } catch (error) {
      void this.refuse(exchange, RequestPlaneError.from(error));
    }
  };

  /** For when nothing comes in any more. */
  close(): void {
    this.#unread.clear();
    this.#inBand.close();
  }

  /** Throws for a request that is refused whatever its body. */
  #targetOf(exchange: Exchange): Target | "list" {
    const path = this.#pathBelowRoot(exchange);
    if (path === "") return "list";
    const acceptor = this.#endpoints.find(path);
    if (!acceptor) throw new RequestPlaneError("unknown_endpoint", `unknown endpoint ${path}`);
    if (exchange.method !== "POST")
      throw new HttpRefusal(405, "An endpoint is called with POST", { allow: "POST" });
    return { acceptor, form: formOf(exchange.headers["content-type"]) };
  }

  #read(exchange: Exchange, target: Target): void {
    new BodyReader(exchange, this.#settings, new Reception(this, exchange, target)).read(this.#unread);
  }

  #accept({ exchange, target, body }: Reception): void {
    try {
      this.#acceptAs(target, exchange, body);
    } catch (error) {
      refuse(exchange, RequestPlaneError.from(error));
    }
    this.pending -= 1;
  }

  async refuse(exchange: Exchange, error: RequestPlaneError): Promise<void> {
    await dropRest(exchange);
    refuse(exchange, error);
    this.pending -= 1;
  }

  #acceptAs({ acceptor, form }: Target, exchange: Exchange, body: Buffer): void {
    switch (form) {
      case "in-band":
        this.#inBand.accept(exchange, acceptor, headersOf(exchange), body);
        return;
      case "envelope":
        acceptEnvelope(exchange, acceptor, body);
        return;
      case "json":
        this.#acceptDirect(exchange, acceptor, body);
        return;
      case "stop":
        this.#inBand.stop(exchange, body);
    }
  }

  #pathBelowRoot({ path }: Exchange): string {
    const { rootPath } = this.#settings;
    const end = path.search(/[?#]/);
    const plain = end < 0 ? path : path.slice(0, end);
    if (plain === rootPath) return "";
    if (plain.startsWith(`${rootPath}/`)) return plain.slice(rootPath.length + 1);
    throw new HttpRefusal(404, `Endpoints are below ${rootPath}/`);
  }

  #list(exchange: Exchange): void {
    if (exchange.method !== "GET") throw new HttpRefusal(405, "The list is read with GET", { allow: "GET" });
    const list = { endpoints: this.#endpoints.list(this.#baseUrl()) };
    exchange.respond(200, { "content-type": "application/json" }, `${JSON.stringify(list, null, 2)}\n`);
    this.pending -= 1;
  }

  /** A request without an envelope gets one whose response goes back on this exchange. */
  #acceptDirect(exchange: Exchange, accept: RequestAcceptor, body: Buffer): void {
    const given = exchange.headers["request-id"] ?? exchange.headers["x-request-id"];
    const id = typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID();
    const control = encodeControlMessage({ id, connectionInfo: { transport: DIRECT_TRANSPORT, info: "" } });
    const refusal = accept({
      headers: headersOf(exchange),
      envelope: Buffer.concat([encodeTwoPartHead(control, body.length), body]),
      connector: new DirectConnector(exchange, this.#settings.peerTimeoutMs),
    });
    if (refusal) refuse(exchange, refusal);
  }
}

function acceptEnvelope(exchange: Exchange, accept: RequestAcceptor, envelope: Buffer): void {
  const refusal = accept({ headers: headersOf(exchange), envelope });
  if (refusal) refuse(exchange, refusal);
  else exchange.respond(202, ACKNOWLEDGEMENT);
}

/** A request that is being read. */
class Reception implements BodyReceiver {
  readonly exchange: Exchange;
  readonly target: Target;
  body: Buffer = NOTHING;
  readonly #router: Router;

  constructor(router: Router, exchange: Exchange, target: Target) {
    this.#router = router;
    this.exchange = exchange;
    this.target = target;
  }

  get wantsNoEnd(): boolean {
    return this.target.form === "in-band";
  }

  whole(body: Buffer): void {
    this.body = body;
    this.#router.turns.add(this);
  }

  failed(error: RequestPlaneError): void {
    void this.#router.refuse(this.exchange, error);
  }
}

const NOTHING = Buffer.alloc(0);

type Form = "envelope" | "in-band" | "stop" | "json";

/** The endpoint that is asked for, and what the body is. */
interface Target {
  readonly acceptor: RequestAcceptor;
  readonly form: Form;
}

const FORMS: ReadonlyMap<string, Form> = new Map([
  ["application/octet-stream", "envelope"],
  [IN_BAND_TYPE, "in-band"],
  [STOP_TYPE, "stop"],
  ["application/json", "json"],
]);

/** Throws for what is none. */
function formOf(contentType = "application/octet-stream"): Form {
  const form = FORMS.get(contentType) ?? FORMS.get(contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "");
  if (form) return form;
  throw new RequestPlaneError(
    "unsupported_media",
    `Content type '${contentType}' is not known: send JSON as application/json, or an envelope of the request plane as application/octet-stream`,
  );
}

/** What the request carries: most in-band carry nothing. */
function headersOf({ headers, rawHeaders }: Exchange): Headers {
  let carried: Record<string, string> | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    // Names of HTTP/1.1 may have capitals.
    const name = rawHeaders[at]?.toLowerCase() ?? "";
    if (name.startsWith(":") || OWN_HEADERS.has(name)) continue;
    const value = headers[name];
    if (value === undefined) continue;
    carried ??= {};
    carried[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return carried ?? NONE;
}

const NONE: Headers = {};
